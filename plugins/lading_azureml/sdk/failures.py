"""Read the failure in an exception of the SDK: the sender, its status, code, message and retry time."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from msrest.exceptions import ClientRequestError
from requests.exceptions import ChunkedEncodingError, Timeout
from requests.exceptions import ConnectionError as NoConnection
from urllib3.exceptions import HTTPError as BrokenConnection

from lading import Json, retry_after

from ..text import clean
from .senders import is_page, read_body

_NO_ANSWER = (
    NoConnection,
    Timeout,
    ChunkedEncodingError,
    BrokenConnection,
    ConnectionError,
    ServiceRequestError,
    ServiceResponseError,
    ClientRequestError,
)

# The SDK's text for a failed response in its exception.
_RESPONSE = re.compile(r"Response Code: (\d+)\s+Headers: (\{.*?\})\s+Content: (.*)", re.DOTALL)


@dataclass(frozen=True)
class Failure:
    """An exception's details. `status` is None if nobody answered, or if the answer came without an error.

    `host` is the sender if it is known. `page` is true for a web page, which is never from Azure; `message` is then its
    title.
    """

    status: int | None
    code: str
    message: str
    retry_after: float | None
    answered: bool = True
    host: str = ""
    page: bool = False

    @property
    def said(self) -> str:
        """The message with its code, for people."""
        return f"{self.message} ({self.code})" if self.code and self.code not in self.message else self.message


def read(error: BaseException) -> Failure:
    """Read the response from an exception of the SDK, or from the exception that it wraps.

    After a 404, the SDK creates the missing object. If nobody answers the creation, the 404 is not the reason.
    """
    for cause in _chain(error):
        response = getattr(cause, "response", None)
        if response is not None and getattr(response, "status_code", None):
            status, headers = int(response.status_code), dict(response.headers)
            return _failure(status, headers, _text(response), str(_message(error)), host_of(error))
        found = _RESPONSE.search(_message(cause))
        if found:
            status, headers, content = int(found[1]), _literal(found[2], {}), _literal(found[3], found[3])
            return _failure(status, headers, content, _message(cause)[: found.start()], host_of(error))
        if isinstance(cause, json.JSONDecodeError) and is_page(cause.doc):
            return Failure(None, "", read_body(cause.doc, {}).message, None, page=True)
        if isinstance(cause, _NO_ANSWER):
            return Failure(None, type(error).__name__, clean(_message(error)), None, answered=False)
    return Failure(None, type(error).__name__, clean(_message(error)), None)


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


def _failure(status: int, headers: Mapping[str, str], content: Json, otherwise: str, host: str) -> Failure:
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    found = {name.lower(): value for name, value in headers.items()}
    body = read_body(text, found)
    return Failure(
        status,
        body.code,
        clean(body.message or ("" if body.page else body.code or otherwise)),
        retry_after(found.get("retry-after"), date=found.get("date")),
        host=host,
        page=body.page,
    )


def host_of(error: BaseException) -> str:
    """The host that answered, according to the exception or its causes; empty if they do not show it."""
    for cause in _chain(error):
        response = getattr(cause, "response", None)
        url = getattr(response, "url", None) or getattr(getattr(response, "request", None), "url", None)
        if isinstance(url, str):
            return urlsplit(url).hostname or ""
    return ""


def _text(response: Any) -> str:
    text = response.text
    return str(text() if callable(text) else text)


def _literal(text: str, otherwise: Json) -> Json:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return otherwise
