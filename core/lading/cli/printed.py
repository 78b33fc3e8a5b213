"""What plugins print while stdout is kept for the result: it is reported line by line, and whose line it is."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..base.redaction import masked
from ..plugin.discovery import speaker


@contextmanager
def overheard(report: Callable[[str], None]) -> Iterator[None]:
    """Report what Python code prints while the block runs; what a child process writes to our stdout goes to stderr.

    Secrets that were revealed to a plugin are masked.
    """
    ears, stdout = _Ears(report), sys.stdout
    with _stdout_to_stderr():
        sys.stdout = io.TextIOWrapper(ears, encoding="utf-8", errors="replace", write_through=True)
        try:
            yield
        finally:
            sys.stdout = stdout
            ears.flush_line()


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us: there is nothing to keep clean
        yield
        return
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


class _Ears(io.RawIOBase):
    """Takes bytes, and reports them line by line."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._rest = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Where a child process may write that is given our stdout."""
        return 2

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        *lines, self._rest = (self._rest + bytes(data)).split(b"\n")
        for line in lines:
            self._tell(line)
        return len(data)

    def flush_line(self) -> None:
        """Report a line that was not ended."""
        rest, self._rest = self._rest, b""
        if rest:
            self._tell(rest)

    def _tell(self, line: bytes) -> None:
        text = "".join(c if c.isprintable() else " " for c in line.decode("utf-8", "replace"))
        self._report(masked(f"{speaker.get()} printed: {text.rstrip()}"))
