"""Receive the replies of an API server, with limits of their size and their time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx2

from lading import Json, StageFailed, Transient

LARGEST = 64 << 20  # bytes of a reply


class Reply(NamedTuple):
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Json:
        """The JSON object in the body. Raises ValueError if there is none."""
        with suppress(RecursionError):
            found = json.loads(self.body)
            if isinstance(found, dict):
                return found
        raise ValueError("the body is not a JSON object")


def receive(
    http: httpx2.Client,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    largest: int = LARGEST,
    end: float | None = None,
    **arguments: Any,
) -> Reply:
    """Send a request, and read its reply. The body is not compressed, so it never unpacks to many times its bytes.

    Raises StageFailed for a body of more than `largest` bytes, and Transient after `end` on the monotonic clock.
    """
    wanted = {**headers, "Accept-Encoding": "identity"}
    with http.stream(method, path, headers=wanted, **arguments) as found:
        body = bytearray()
        for part in found.iter_bytes():
            body += part
            if len(body) > largest:
                raise StageFailed(f"{found.url} answers with more than {largest >> 20} MiB")
            if end is not None and time.monotonic() > end:
                raise Transient(f"{found.url} does not send its whole answer in time")
        return Reply(found.status_code, found.headers, bytes(body))
