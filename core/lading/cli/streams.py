"""Handle output streams that cannot be written, for example on a full disk."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO

from ..errors import Transient

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Result(io.FileIO):
    """Standard output. Only its first failed write raises: Python flushes again at its end, and must not fail then."""

    _failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if self._failed:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failed = True
            reason = (error.strerror or str(error)).lower()
            raise Transient(
                f"standard output cannot be written: {reason}", hint="free space on its disk, or write it elsewhere"
            ) from error


class _Progress(io.FileIO):
    """Standard error. Output that cannot be written is dropped: a full disk must not stop a deploy."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def guard_streams() -> None:
    """Handle failed writes to stdout and stderr from now on. A stream that the parent process closed is None."""
    if sys.stdout is not None:
        sys.stdout = _over(_Result, sys.stdout)
    if sys.stderr is not None:
        sys.stderr = _over(_Progress, sys.stderr)


def _over(kind: type[io.FileIO], stream: TextIO) -> TextIO:
    raw = kind(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )
