"""The log entries of a worker."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from .tracebacks import remedy, shown

_PAUSE = 60.0  # seconds between two entries about the same problem


class Output(Protocol):
    """The log of a release. If it is not `copied`, the workers write to the output of the supervisor themselves."""

    copied: bool

    def masked(self, text: str) -> str: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def log(message: str) -> None:
    """Write one entry. The script may have closed the log."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{stamp} [{os.getpid()}] {message}\n")


def log_error(error: BaseException) -> str:
    """Write an error of the scoring script, with the script's own part of the traceback.

    Returns the way to repair it; empty if that is not known.
    """
    if fix := remedy(error):
        error.add_note(fix)
    with suppress(OSError, ValueError):
        sys.stderr.write(shown(error))
    return fix


class Recurring:
    """A problem that clients can cause repeatedly. It is logged at once, then at most once a minute with a count."""

    def __init__(self, what: str, write: Callable[[str], None] = log) -> None:
        self.count = 0  # since the last entry
        self._what = what
        self._write = write
        self._detail = ""
        self._due = time.monotonic()

    def note(self, detail: str) -> None:
        self.count += 1
        self._detail = detail
        self.flush()

    def flush(self) -> None:
        """Write the pending entry, if it is due."""
        if self.count and time.monotonic() >= self._due:
            self._write(f"{self._what}: {self.count} times; the last: {self._detail}")
            self.count = 0
            self._due = time.monotonic() + _PAUSE
