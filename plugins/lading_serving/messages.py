"""Simple types for HTTP requests and responses."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

from .json_text import json_text

JSON = "application/json"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_CONTINUE = 100  # plain numbers: the members of an enumeration cost more than the rest of a comparison
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_BODILESS = frozenset({*range(200), 204, 304})  # the client would read a body as the next response


class Request(NamedTuple):
    """A complete request. Header names are lower case, and repeated headers are joined by commas. `path` is decoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool = True

    @property
    def media_type(self) -> str:
        return _media_type(self.headers.get("content-type", ""))

    def weight(self, media_type: str) -> float:
        """The weight that `Accept` gives to a media type by its full name; 0 if it is not named, or not wanted."""
        accepted = (part.split(";") for part in self.headers.get("accept", "").lower().split(","))
        return max((_weight(rules) for name, *rules in accepted if name.strip() == media_type), default=0.0)


@lru_cache(maxsize=8)  # most clients send the same one
def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _weight(rules: Sequence[str]) -> float:
    """The weight in the parameters of a media type; 1 without one that can be read."""
    given = next((rule.strip()[2:] for rule in rules if rule.strip().startswith("q=")), "1")
    return float(given) if _WEIGHT.fullmatch(given) else 1.0


class Response:
    """A complete response. The connection adds `content-length`."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    def encode(self, *, with_body: bool, close: bool) -> bytes:
        """Encode for the wire. A status that forbids a body gets none, as it would be read as the next response."""
        if self.status == _CONTINUE:
            return b"HTTP/1.1 100 Continue\r\n\r\n"
        fields = [f"{name}: {value}" for name, value in self.headers]
        if self.status in _BODILESS:
            with_body = False
        else:
            fields.append(f"content-length: {len(self.body)}")
        fields.append(f"date: {_date(int(time.time()))}")
        if close:
            fields.append("connection: close")
        head = "\r\n".join((f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, '')}", *fields, "\r\n"))
        return head.encode("latin-1") + (self.body if with_body else b"")


CONTINUE = Response(_CONTINUE, b"", [])
"""The interim response for a client that waits before it sends a body."""


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def json_response(content: Any, status: int = 200, *, run_failed: bool = False) -> Response:
    headers = [("content-type", JSON), ("x-ms-run-function-failed", str(run_failed))]
    return Response(status, json_text(content), headers)


def failure(status: int, message: str, *, run_failed: bool = False) -> Response:
    """An error in Azure ML's form: `{"message": ...}`."""
    return json_response({"message": message}, status, run_failed=run_failed)


class Unadmitted(Exception):
    """The body of a request is not read, because the request has no valid key. `request` is answered without it."""

    def __init__(self, request: Request) -> None:
        super().__init__("the request has no valid key")
        self.request = request


class Refused(Exception):
    """A request is refused with 4xx or 505 before it reaches the scoring script."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def response(self) -> Response:
        return failure(self.status, str(self))
