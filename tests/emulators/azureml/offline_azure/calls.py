"""The log of all calls, and the calls that no emulator should receive."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

from .messages import Head

SECRET_FIELDS = ("client_secret", "client_assertion")
LARGEST = 1 << 18


@dataclass
class Call:
    """One request.

    `status` is None if no response was sent. `fault` is the effect of the rule that applied. `at` is the time of the
    request in seconds, on a clock of the emulator.
    """

    number: int
    method: str
    host: str
    path: str
    query: dict[str, str]
    at: float
    body: Any = None
    status: int | None = None
    fault: str | None = None


class CallLog:
    """All calls since the last reset, in order, and the failures: unknown routes and malformed requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._failures: list[str] = []

    def begin(self, head: Head, fault: str | None) -> Call:
        with self._lock:
            call = Call(len(self._calls), head.method, head.host, head.path, head.query, time.monotonic(), fault=fault)
            self._calls.append(call)
        return call

    def fail(self, call: Call, reason: str) -> None:
        with self._lock:
            self._failures.append(f"{call.method} {call.host}{call.path}: {reason}")

    def accept_failures(self) -> list[str]:
        """Return and clear the failures so far."""
        with self._lock:
            accepted, self._failures = self._failures, []
        return accepted

    def reset(self) -> None:
        with self._lock:
            self._calls.clear()
            self._failures.clear()

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            return {"calls": [asdict(call) for call in self._calls], "failures": list(self._failures)}


def summary(head: Head, body: bytes) -> Any:
    """The form of a body in the log: its JSON, its form fields without secrets, or its length in bytes."""
    content = head.headers.get("content-type", "")
    if content.startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body.decode()))
        return {name: "***" if name in SECRET_FIELDS else value for name, value in form.items()}
    if "json" in content and 0 < len(body) <= LARGEST:
        try:
            return json.loads(body)
        except ValueError:
            pass
    return len(body) or None
