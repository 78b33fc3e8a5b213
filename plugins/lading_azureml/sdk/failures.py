"""Translate exceptions of the SDK into expected failures, by their status, body and retry time."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azureml.exceptions import AuthenticationException, WebserviceException
from msrest.exceptions import ClientRequestError
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import Timeout
from urllib3.exceptions import HTTPError as BrokenConnection

from lading import Json, LadingError, StageFailed, Transient, retry_after

from ..port import OverQuota, Place, Taken
from ..text import clean

_NO_ANSWER = (
    NoConnection,
    Timeout,
    BrokenConnection,
    ConnectionError,
    ServiceRequestError,
    ServiceResponseError,
    ClientRequestError,
)
_NO_SIGN_IN = (ClientAuthenticationError, AuthenticationException)
_RETRY_AFTER = {408: 2.0, 429: 10.0, 500: 5.0, 502: 5.0, 503: 5.0, 504: 5.0}  # seconds, if Azure gives none
_LOST_ANSWER_DELAY = 2.0  # seconds before reading whether a call with a lost answer had its effect

# The SDK's text for a failed response in its exception.
_RESPONSE = re.compile(r"Response Code: (\d+)\s+Headers: (\{.*?\})\s+Content: (.*)", re.DOTALL)

# azure-identity's list of the ways to sign in that it tried. The first line of its text has no information.
_TRIED = re.compile(r"^\t\w+Credential: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """An exception's details. `status` is None if nobody answered."""

    status: int | None
    code: str
    message: str
    retry_after: float | None
    answered: bool = True


def read(error: BaseException) -> Failure:
    """Read the response from an exception of the SDK, or from the exception that it wraps.

    After a 404, the SDK creates the missing object. If nobody answers the creation, the 404 is not the reason.
    """
    for cause in _chain(error):
        response = getattr(cause, "response", None)
        if response is not None and getattr(response, "status_code", None):
            return _failure(int(response.status_code), dict(response.headers), _text(response), str(_message(error)))
        found = _RESPONSE.search(_message(cause))
        if found:
            status, headers, content = int(found[1]), _literal(found[2], {}), _literal(found[3], found[3])
            return _failure(status, headers, content, _message(cause)[: found.start()])
        if isinstance(cause, _NO_ANSWER):
            return Failure(None, type(error).__name__, clean(_message(error)), None, answered=False)
    return Failure(None, type(error).__name__, clean(_message(error)), None)


def explain(error: Exception, what: str, place: Place) -> LadingError:
    """The expected failure of `what`. Our own bugs are returned with their message and type."""
    if isinstance(error, LadingError):
        return error
    failure = read(error)
    for applies, make in _RULES:
        if applies(failure, error):
            return make(failure, what, place)
    kind = "" if isinstance(error, WebserviceException) or failure.status else f"{type(error).__name__}: "
    return StageFailed(f"{what} failed: {kind}{failure.message}")


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
    return StageFailed(
        f"{what} is not allowed: {failure.message or 'forbidden'}",
        hint=f"this sign-in needs a role such as AzureML Data Scientist on workspace {place.workspace}",
    )


def _conflict(failure: Failure, what: str, _place: Place) -> LadingError:
    return Taken(f"{what} failed, it conflicts with the present state: {failure.message}")


def _later(failure: Failure, what: str, _place: Place) -> LadingError:
    assert failure.status is not None
    wait = failure.retry_after if failure.retry_after is not None else _RETRY_AFTER[failure.status]
    message = f"{what}: Azure answers {failure.status}"
    return Transient(f"{message}, {failure.message}" if failure.message else message, retry_after=wait)


def _no_answer(failure: Failure, what: str, _place: Place) -> LadingError:
    return Transient(f"{what}: no answer ({failure.message})", hint="check the network", retry_after=_LOST_ANSWER_DELAY)


def _repeated(_failure: Failure, what: str, _place: Place) -> LadingError:
    """The failure of an upload that met its own blob. The SDK repeats an upload after a lost answer, although the first
    one was written.
    """
    return Transient(
        f"{what}: the answer to an upload was lost", hint="check the network", retry_after=_LOST_ANSWER_DELAY
    )


_RULES: tuple[tuple[Callable[[Failure, Exception], bool], Callable[[Failure, str, Place], LadingError]], ...] = (
    (lambda failure, error: failure.status == 401 or isinstance(error, _NO_SIGN_IN), _sign_in),
    (lambda failure, _: "don't have access to" in failure.message and "subscription" in failure.message, _subscription),
    (lambda failure, _: "quota" in f"{failure.code} {failure.message}".lower(), _quota),
    (lambda failure, _: failure.status == 403 or "AuthorizationFailed" in failure.message, _role),
    (lambda failure, _: "BlobAlreadyExists" in failure.message, _repeated),
    (lambda failure, _: failure.status == 409 or "already exists" in failure.message, _conflict),
    (lambda failure, _: failure.status in _RETRY_AFTER, _later),
    (lambda failure, _: not failure.answered, _no_answer),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all its causes, each once."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        cause = queue.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            queue += [getattr(cause, "inner_exception", None), cause.__cause__, cause.__context__]
            yield cause


def _message(error: BaseException) -> str:
    """The text of an exception. `str` of the SDK's ServiceException fails if the body had no details."""
    message = getattr(error, "message", None)
    if message is None:
        try:
            message = str(error)
        except TypeError:
            message = type(error).__name__
    return str(message)


def _failure(status: int, headers: Mapping[str, str], content: Json, otherwise: str) -> Failure:
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    code, message = _body(text)
    found = {name.lower(): value for name, value in headers.items()}
    return Failure(status, code, clean(message or otherwise), retry_after(found.get("retry-after")))


def _body(text: str) -> tuple[str, str]:
    """The code and the message of an error's body, at the top level or under `error`."""
    try:
        value = json.loads(text)
    except ValueError:
        return "", text
    value = value.get("error") or value if isinstance(value, dict) else {}
    if not isinstance(value, dict):
        return "", str(value)
    details = [str(item.get("message")) for item in value.get("details") or [] if isinstance(item, dict)]
    return str(value.get("code") or ""), ": ".join(filter(None, [str(value.get("message") or ""), *details]))


def _text(response: Any) -> str:
    text = response.text
    return str(text() if callable(text) else text)


def _literal(text: str, otherwise: Json) -> Json:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return otherwise
