"""What the SDK raises, read for its status, its body and when to come back, and told as an expected failure."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azureml.exceptions import AuthenticationException, WebserviceException
from msrest.exceptions import ClientRequestError
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import Timeout
from urllib3.exceptions import HTTPError as BrokenConnection

from lading import Json, LadingError, StageFailed, Transient

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
_COME_BACK = {408: 2.0, 429: 10.0, 500: 5.0, 502: 5.0, 503: 5.0, 504: 5.0}  # seconds, where Azure names none
_LOST = 2.0  # seconds until it is read whether a call that nobody answered had its effect

# How the SDK writes a response that it did not like into the text of its exception.
_RESPONSE = re.compile(r"Response Code: (\d+)\s+Headers: (\{.*?\})\s+Content: (.*)", re.DOTALL)

# How azure-identity lists the ways to sign in that it tried in turn, after a first line that says nothing.
_TRIED = re.compile(r"^\t\w+Credential: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """An exception as read; `status` is None where nobody answered."""

    status: int | None
    code: str
    message: str
    retry_after: float | None
    answered: bool = True


def read(error: BaseException) -> Failure:
    """What an exception of the SDK, or the one that it wraps, says of the response.

    The SDK creates what it did not find while it handles the 404: where nobody answers that, the 404 is not the reason.
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
    """The expected failure that `what` ended with; bugs of ours come back as they are told, with their type."""
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
        f"subscription {place.subscription_id} is not among those that this sign-in may see",
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
    return Taken(f"{what} failed, it is in conflict with what is there: {failure.message}")


def _later(failure: Failure, what: str, _place: Place) -> LadingError:
    assert failure.status is not None
    wait = failure.retry_after if failure.retry_after is not None else _COME_BACK[failure.status]
    message = f"{what}: Azure answers {failure.status}"
    return Transient(f"{message}, {failure.message}" if failure.message else message, retry_after=wait)


def _silence(failure: Failure, what: str, _place: Place) -> LadingError:
    return Transient(f"{what}: nobody answers ({failure.message})", hint="check the network", retry_after=_LOST)


def _repeated(_failure: Failure, what: str, _place: Place) -> LadingError:
    """The SDK's uploads are repeated where nobody answered, and then meet the blob that the first one wrote."""
    return Transient(f"{what}: the answer to an upload was lost", hint="check the network", retry_after=_LOST)


_RULES: tuple[tuple[Callable[[Failure, Exception], bool], Callable[[Failure, str, Place], LadingError]], ...] = (
    (lambda failure, error: failure.status == 401 or isinstance(error, _NO_SIGN_IN), _sign_in),
    (lambda failure, _: "don't have access to" in failure.message and "subscription" in failure.message, _subscription),
    (lambda failure, _: "quota" in f"{failure.code} {failure.message}".lower(), _quota),
    (lambda failure, _: failure.status == 403 or "AuthorizationFailed" in failure.message, _role),
    (lambda failure, _: "BlobAlreadyExists" in failure.message, _repeated),
    (lambda failure, _: failure.status == 409 or "already exists" in failure.message, _conflict),
    (lambda failure, _: failure.status in _COME_BACK, _later),
    (lambda failure, _: not failure.answered, _silence),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it came from, each once."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        cause = queue.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            queue += [getattr(cause, "inner_exception", None), cause.__cause__, cause.__context__]
            yield cause


def _message(error: BaseException) -> str:
    """The text of an exception; `str` of the SDK's ServiceException fails where the body had no details."""
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
    return Failure(status, code, clean(message or otherwise), _seconds(found.get("retry-after")))


def _body(text: str) -> tuple[str, str]:
    """The code and the message of an error's body: flat, or under `error`."""
    try:
        value = json.loads(text)
    except ValueError:
        return "", text
    value = value.get("error") or value if isinstance(value, dict) else {}
    if not isinstance(value, dict):
        return "", str(value)
    details = [str(item.get("message")) for item in value.get("details") or [] if isinstance(item, dict)]
    return str(value.get("code") or ""), ": ".join(filter(None, [str(value.get("message") or ""), *details]))


def _seconds(value: str | None) -> float | None:
    """Seconds from now that a Retry-After header asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _text(response: Any) -> str:
    text = response.text
    return str(text() if callable(text) else text)


def _literal(text: str, otherwise: Json) -> Json:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return otherwise
