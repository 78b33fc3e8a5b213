"""Requests and responses, as all modules use them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Head:
    """The parts of a request before its body. Header names are lower case."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]

    @cached_property
    def path(self) -> str:
        """The path, still quoted, so that a quoted slash or colon stays in its segment.

        The SDK starts some paths with two slashes.
        """
        return "/" + self.target.partition("?")[0].lstrip("/")

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True)
class Request:
    """A complete request."""

    head: Head
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises WrongShape if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise WrongShape(f"the body is no JSON: {error}") from error


@dataclass(frozen=True)
class Answer:
    """A status, headers, and a body in bytes. `seconds` is the time that sending it takes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Refusal(Exception):
    """An error response in the format of the service. See `routing`."""

    def __init__(self, status: int, code: str, message: str, details: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details  # a code and a message each


class WrongShape(Refusal):
    """A request that the real service would not understand. It gets a 400, and the test fails."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BadRequest", message)


class HangUp(Exception):
    """Close the connection without a response."""


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON response. A keyword names a header, with underscores for dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})
