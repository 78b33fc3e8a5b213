"""Read the failure in an exception of the SDK."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azureml.exceptions import AuthenticationException
from msrest.exceptions import ClientRequestError
from requests.exceptions import ChunkedEncodingError, Timeout
from requests.exceptions import ConnectionError as NoConnection
from urllib3.exceptions import HTTPError as BrokenConnection

from lading import Json

from ..failures import Failure, causes, of_answer, of_page
from ..text import clean

_NO_SIGN_IN = (ClientAuthenticationError, AuthenticationException)
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


def read(error: BaseException) -> Failure:
    """Read the response from an exception of the SDK, or from the exception that it wraps.

    After a 404, the SDK creates the missing object. If nobody answers the creation, the 404 is not the reason.
    """
    return replace(_read(error), unsigned=isinstance(error, _NO_SIGN_IN))


def _read(error: BaseException) -> Failure:
    for cause in causes(error):
        response = getattr(cause, "response", None)
        if response is not None and getattr(response, "status_code", None):
            status, headers = int(response.status_code), dict(response.headers)
            return _failure(status, headers, _text(response), str(_message(error)), host_of(error))
        found = _RESPONSE.search(_message(cause))
        if found:
            status, headers, content = int(found[1]), _literal(found[2], {}), _literal(found[3], found[3])
            return _failure(status, headers, content, _message(cause)[: found.start()], host_of(error))
        if (page := of_page(cause)) is not None:
            return page
        if isinstance(cause, _NO_ANSWER):
            return Failure(None, type(error).__name__, clean(_message(error)), None, answered=False)
    return Failure(None, type(error).__name__, clean(_message(error)), None)


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
    return of_answer(status, headers, text, host=host, otherwise=otherwise)


def host_of(error: BaseException) -> str:
    """The host that answered, according to the exception or its causes; empty if they do not show it."""
    for cause in causes(error):
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
