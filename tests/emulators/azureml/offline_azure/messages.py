"""Requests and answers, as every module here sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Head:
    """What is known of a request before its body is read. Header names are lower case."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]

    @cached_property
    def path(self) -> str:
        """Still quoted, so that a quoted slash or colon stays within its segment.

        The SDK begins some with two slashes.
        """
        return "/" + self.target.partition("?")[0].lstrip("/")

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True)
class Request:
    """A whole request."""

    head: Head
    body: bytes

    def json(self) -> Any:
        """The body; raises WrongShape where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise WrongShape(f"the body is no JSON: {error}") from error


@dataclass(frozen=True)
class Answer:
    """A status, headers, and a body that is already bytes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An answer in the shape of the service that was asked; see `routing`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class WrongShape(Refusal):
    """A request that the real service would not understand: answered 400, and the test fails."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BadRequest", message)


class HangUp(Exception):
    """The connection is closed without an answer."""


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer. A keyword names a header, with dashes written as underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})
