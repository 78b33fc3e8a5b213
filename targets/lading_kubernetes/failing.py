"""Explain the refusals of an API server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lading import BadInput, LadingError, NotSignedIn, StageFailed, Transient, plain_words, retry_after

_WAITS = {408: 2.0, 410: 0.5, 429: 2.0, 500: 1.0, 502: 1.0, 503: 2.0, 504: 2.0}
"""Seconds until the next try, if the server names none."""

_LONGEST = 400  # characters of a message
_LOST_REPLY_DELAY = 1.0  # seconds
_CONFLICT_DELAY = 1.0  # seconds
_NO_NAMESPACE = re.compile(r'namespaces "([^"]*)" not found')
_QUOTA = re.compile(r"exceeded quota: ([^,]+)")

_NOT_TYPED = ("failed to create typed patch object", "field not declared in schema")
"""Words of status 500 for a field that the kind does not have."""


class Conflict(Transient):
    """Another program has changed the object since it was read."""


class Forbidden(StageFailed):
    """The account lacks a right, or a rule of the cluster refuses the object."""


class Unauthorized(NotSignedIn):
    """The cluster does not accept the credentials, such as a token that has expired. The request had no effect."""


def failure(status: int, headers: Mapping[str, str], text: str, what: str, server: str) -> LadingError:
    """The failure of a request. `what` is its purpose."""
    said = _words(text) or f"status {status}"
    if status not in _WAITS or any(words in said for words in _NOT_TYPED):
        return _refusal(status, said, what, server)
    wait = retry_after(headers.get("Retry-After"), date=headers.get("Date"))
    return Transient(f"{what}: {server} says: {said}", retry_after=_WAITS[status] if wait is None else wait)


def unanswered(status: int, headers: Mapping[str, str], text: str, server: str) -> LadingError:
    """The failure of a request to a pod that the API server, or a proxy before it, has answered itself."""
    passing = 503 if status == 404 else status  # a pod that is gone is replaced
    return failure(passing, headers, text, "the service has not answered", server)


def unsendable(server: str) -> StageFailed:
    """The failure of a request with a token or a key that no header can have. The message does not quote it."""
    hint = "a token or a key is one line of ASCII characters: correct that of the kubeconfig, or that of the service"
    return StageFailed(f"a request to {server} has a header that cannot be sent", hint=hint)


def _refusal(status: int, said: str, what: str, server: str) -> LadingError:
    if missing := _NO_NAMESPACE.search(said):
        return no_namespace(missing[1])
    if status == 401:
        return Unauthorized(f"{server} does not accept the credentials: {said}", hint="sign in to the cluster again")
    if status == 403:
        return Forbidden(f"{what}: {said}", hint=_permission(said))
    if status == 409:
        hint = "another program has changed the object: run the same command again"
        return Conflict(f"{what}: {said}", hint=hint, retry_after=_CONFLICT_DELAY)
    if status in (400, 422, 500):
        return BadInput(f"{what}: {said}")
    return StageFailed(f"{what}: {server} says: {said}")


def no_namespace(name: str) -> BadInput:
    """The failure of a deploy to a namespace that does not exist."""
    hint = f"`kubectl create namespace {name}` makes it"
    return BadInput(f"the cluster has no namespace '{name}'", hint=hint, option="namespace")


def unreachable(error: Exception, server: str) -> Transient:
    """The failure of a request without a reply."""
    words = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY" in words:
        hint = "the kubeconfig needs the certificate of the cluster's authority"
        return Transient(f"the certificate of {server} is not trusted: {words[:_LONGEST]}", hint=hint)
    return Transient(
        f"{server} does not answer: {words[:_LONGEST]}",
        hint="check the cluster and the `context:` of the target",
        retry_after=_LOST_REPLY_DELAY,
    )


def _permission(said: str) -> str:
    """The next step after a refusal: more quota, another content, or a right."""
    if quota := _QUOTA.search(said):
        return f"raise the quota {quota[1]} of the namespace, or use fewer `replicas`, less `cpu` or `memory`"
    if "admission" in said or "violates PodSecurity" in said:
        return "a rule of the cluster refuses the object: change it with `patch:` under the target"
    return (
        "the account needs this right in the namespace: the ClusterRole `edit` has it, `lading preflight` shows a Role"
    )


def _words(text: str) -> str:
    """The message of a Status object."""
    with suppress(ValueError):
        found: Any = json.loads(text)
        if isinstance(found, dict):
            return str(found.get("message") or found.get("reason") or "")[:_LONGEST]
    return " ".join(plain_words(text).split())[:_LONGEST]
