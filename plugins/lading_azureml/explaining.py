"""Translate failures of Azure into expected failures, with the sender, the reason and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable

from lading import LadingError, StageFailed, Transient

from .failures import Failure
from .port import NotAllowed, OverQuota, Place, Taken

_RETRY_AFTER = {408: 2.0, 429: 10.0, 500: 5.0, 502: 5.0, 503: 5.0, 504: 5.0}  # seconds, if Azure gives none
_LOST_ANSWER_DELAY = 2.0  # seconds before reading whether a call with a lost answer had its effect

# azure-identity's list of the ways to sign in that it tried. The first line of its text has no information.
_TRIED = re.compile(r"^\t\w+Credential: (.+)$", re.MULTILINE)

_ACCESS_RULE = re.compile(r"AADSTS(530\d\d|530\d|53\d{4}|50076|50079|50158|50097|50005)\b")
_ACTION = re.compile(r"Microsoft\.[A-Za-z]+(?:/[A-Za-z]+)+")
_FIREWALL = ("AuthorizationFailure", "NetworkAccessDenied")
_PRIVATE = re.compile("private (endpoint|link)|public network access|virtual network", re.IGNORECASE)
_PROXY = "check HTTPS_PROXY and NO_PROXY"
_PAGE = (
    "a proxy or the sign-in page of a network answers in Azure's place: check HTTPS_PROXY, or sign in to the network"
)
_LOOK_UP = "the name of the host cannot be resolved"
_NETWORK = (
    (
        re.compile("certificate.verify.failed"),
        "the certificate is not trusted",
        "if a proxy inspects TLS, set REQUESTS_CA_BUNDLE and SSL_CERT_FILE to a PEM file with its certificate",
    ),
    (re.compile("unable to connect to proxy.*(refused|failed to|timed out)"), "the proxy does not answer", _PROXY),
    (re.compile("tunnel connection failed"), "the proxy refuses the connection", _PROXY),
    (re.compile("name or service not known|name resolution"), _LOOK_UP, f"check the network; {_PROXY}"),
)
"""Signs of a broken network in the texts of requests and urllib3, with a message and a remedy.

An answer that a proxy lost is none of them.
"""


def explain(failure: Failure, what: str, place: Place, kind: str = "") -> LadingError:
    """The expected failure of `what`. `kind` begins the reason of a failure that no rule knows."""
    for applies, make in _RULES:
        if applies(failure):
            return make(failure, what, place)
    return StageFailed(f"{what} failed: {kind}{failure.message}")


def _no_network(failure: Failure, what: str, _place: Place) -> LadingError:
    """The failure of a call that nobody answered. Only a lost answer is worth another look soon."""
    for sign, message, hint in _NETWORK:
        if sign.search(failure.message.lower()):
            return Transient(f"{what}: {message} ({failure.message})", hint=hint)
    hint = "check the network, and HTTPS_PROXY if it needs a proxy"
    return Transient(f"{what}: no answer ({failure.message})", hint=hint, retry_after=_LOST_ANSWER_DELAY)


def _web_page(failure: Failure, what: str, _place: Place) -> LadingError:
    title = f", '{failure.message}'" if failure.message else ""
    if failure.status is None:
        return Transient(f"{what}: the answer is a web page{title}, not Azure's", hint=_PAGE)
    hint = "the proxy wants a sign-in: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT" if failure.status == 407 else _PAGE
    sender = failure.host or "a program in Azure's place"
    return Transient(f"{what}: {sender} answers {failure.status} with a web page{title}", hint=hint)


def _access_rule(failure: Failure, _what: str, _place: Place) -> LadingError:
    return StageFailed(
        f"a rule of the tenant (conditional access) refuses this sign-in: {_first_sentence(failure.message)}",
        hint="sign in from an allowed device or network with `az login`, or ask an administrator of the tenant",
    )


def _key_access(failure: Failure, what: str, _place: Place) -> LadingError:
    account = failure.host.partition(".")[0]
    return StageFailed(
        f"{what}: storage account {account} does not accept its own keys: {failure.said}",
        hint=f"the SDK needs them: `az storage account update --name {account} --allow-shared-key-access true`",
    )


def _storage_firewall(failure: Failure, what: str, _place: Place) -> LadingError:
    account = failure.host.partition(".")[0]
    return StageFailed(
        f"{what}: the firewall of storage account {account} refuses this network: {failure.said}",
        hint=f"run lading inside its network, or `az storage account network-rule add --account-name {account} "
        "--ip-address ADDRESS`",
    )


def _registry_firewall(failure: Failure, what: str, _place: Place) -> LadingError:
    said = f": {failure.said}" if failure.code else ""
    return StageFailed(
        f"{what}: the firewall of container registry {failure.host} refuses this network{said}",
        hint=f"run lading inside its network, or `az acr network-rule add --name {failure.host.partition('.')[0]} "
        "--ip-address ADDRESS`",
    )


def _private(failure: Failure, what: str, place: Place) -> LadingError:
    return StageFailed(
        f"{what}: workspace {place.workspace} is private: {failure.said}",
        hint="run lading inside its virtual network, or allow public access to the workspace",
    )


def _sign_in(failure: Failure, what: str, _place: Place) -> LadingError:
    tried = _TRIED.findall(failure.message) or failure.message.splitlines()[:1] or [what]
    return StageFailed(
        f"Azure does not accept the sign-in: {'; '.join(reason.rstrip('. ') for reason in tried)}",
        hint="sign in again with `az login`, or check the service principal's tenant, id and secret",
    )


def _subscription(_failure: Failure, _what: str, place: Place) -> LadingError:
    return StageFailed(
        f"subscription {place.subscription_id} is not visible to this sign-in",
        hint="check subscription_id and the tenant; `az account list -o table` shows the subscriptions",
    )


def _quota(failure: Failure, what: str, _place: Place) -> LadingError:
    return OverQuota(what, failure.message)


def _role(failure: Failure, what: str, place: Place) -> LadingError:
    action = _ACTION.search(failure.message)
    lacking = f"this sign-in lacks the action {action[0]}" if action else failure.message or "forbidden"
    return NotAllowed(
        f"{what} is not allowed: {lacking}",
        hint=f"this sign-in needs a role such as AzureML Data Scientist on workspace {place.workspace}",
    )


def _conflict(failure: Failure, what: str, _place: Place) -> LadingError:
    return Taken(f"{what} failed, it conflicts with the present state: {failure.message}")


def _later(failure: Failure, what: str, _place: Place) -> LadingError:
    assert failure.status is not None
    wait = failure.retry_after if failure.retry_after is not None else _RETRY_AFTER[failure.status]
    title = f"a web page, '{failure.message}'" if failure.page else failure.message
    asked = f"; it asks to wait {failure.retry_after:g} s" if failure.retry_after else ""
    return Transient(
        ", ".join(filter(None, (f"{what}: Azure answers {failure.status}", title))) + asked, retry_after=wait
    )


def _repeated(_failure: Failure, what: str, _place: Place) -> LadingError:
    """The failure of an upload that met its own blob. The SDK repeats an upload after a lost answer, although the first
    one was written.
    """
    return Transient(
        f"{what}: the answer to an upload was lost", hint="check the network", retry_after=_LOST_ANSWER_DELAY
    )


_RULES: tuple[tuple[Callable[[Failure], bool], Callable[[Failure, str, Place], LadingError]], ...] = (
    (lambda failure: not failure.answered, _no_network),
    (lambda failure: failure.page and failure.status not in _RETRY_AFTER, _web_page),
    (lambda failure: bool(_ACCESS_RULE.search(failure.message)), _access_rule),
    (lambda failure: failure.status == 401 or failure.unsigned, _sign_in),
    (lambda failure: "don't have access to" in failure.message and "subscription" in failure.message, _subscription),
    (lambda failure: "quota" in f"{failure.code} {failure.message}".lower(), _quota),
    (lambda failure: "KeyBasedAuthenticationNotPermitted" in failure.code, _key_access),
    (lambda failure: ".blob." in failure.host and failure.code in _FIREWALL, _storage_firewall),
    (lambda failure: ".azurecr." in failure.host and failure.status == 403, _registry_firewall),
    (lambda failure: failure.status == 403 and bool(_PRIVATE.search(failure.message)), _private),
    (lambda failure: failure.status == 403 or "AuthorizationFailed" in failure.message, _role),
    (lambda failure: "BlobAlreadyExists" in failure.message, _repeated),
    (lambda failure: failure.status == 409 or "already exists" in failure.message, _conflict),
    (lambda failure: failure.status in _RETRY_AFTER, _later),
)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0]
