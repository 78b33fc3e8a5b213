"""Write to an output that somebody may or may not read, without waiting for them."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress

_PIECE = 4096  # bytes that a writable pipe takes at once


def sink(number: int) -> Callable[[bytes], int]:
    """A function that writes some bytes to an output. It returns their number, which is 0 if nobody reads.

    Others may write to the same pipe between a look and a write. So a pipe is opened again, in a mode that never waits.
    """
    with suppress(OSError):
        if stat.S_ISFIFO(os.fstat(number).st_mode):
            number = os.open(f"/dev/fd/{number}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return lambda data: _write(number, data)


def _write(number: int, data: bytes) -> int:
    try:
        return os.write(number, data[:_PIECE]) if select.select([], [number], [], 0)[1] else 0
    except (OSError, ValueError):
        return 0


def write_lines(write: Callable[[bytes], int], data: bytes) -> bool:
    """Write lines, as many as are read. Returns whether all were. A line is written whole or not at all."""
    while data:
        piece = data[:_PIECE]
        end = piece.rfind(b"\n") + 1 or len(piece)
        if write(piece[:end]) < end:
            return False
        data = data[end:]
    return True
