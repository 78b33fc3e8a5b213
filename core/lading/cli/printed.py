"""Capture what plugins print, so that stdout has only the result. Each line is reported with its author."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..base.redaction import redacted
from ..plugin.discovery import speaker


@contextmanager
def captured_output(report: Callable[[str], None]) -> Iterator[None]:
    """Report everything that Python code prints while the block runs. Child processes that write to stdout write to
    stderr.

    Secrets that were revealed to a plugin are redacted.
    """
    ears, stdout = _CapturedOutput(report), sys.stdout
    with _stdout_to_stderr():
        sys.stdout = io.TextIOWrapper(ears, encoding="utf-8", errors="replace", write_through=True)
        try:
            yield
        finally:
            sys.stdout = stdout
            ears.flush_line()


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    if sys.stdout is None or sys.stderr is None:  # closed by the parent process, so no output needs protection
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


class _CapturedOutput(io.RawIOBase):
    """Takes bytes and reports them line by line."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._rest = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The file descriptor for a child process that receives our stdout."""
        return 2

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        *lines, self._rest = (self._rest + bytes(data)).split(b"\n")
        for line in lines:
            self._report_line(line)
        return len(data)

    def flush_line(self) -> None:
        """Report a last line that has no line feed."""
        rest, self._rest = self._rest, b""
        if rest:
            self._report_line(rest)

    def _report_line(self, line: bytes) -> None:
        text = "".join(c if c.isprintable() else " " for c in line.decode("utf-8", "replace"))
        self._report(redacted(f"{speaker.get()} printed: {text.rstrip()}"))
