"""The pulse of a worker: memory that it shares with its supervisor, so that a stuck worker is noticed from outside.

The worker changes a counter at each step of its loop. The counter is odd during a step and even between two steps. An
idle worker changes it at least once every `BEAT` seconds. The supervisor reads no clock of the worker: it adds up the
time in which it saw the same counter, so a pause of the whole machine is not the worker's fault.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO

BEAT = 1.0  # seconds
LONGEST_ID = 100  # bytes of the id of a request

_SIZE = 4096
_COUNTER, _IDENTIFIED = 0, 1  # eight bytes each: the counter, and the counter when the id was written
_ID = slice(16, 16 + LONGEST_ID)
_HAS_MEMFD = hasattr(os, "memfd_create")
_MOST = 1.0  # seconds between two looks that count at most

Memory = bytearray | mmap.mmap


@contextmanager
def memory_file(content: bytes) -> Iterator[IO[bytes]]:
    """Open a file without a name, at its first byte. It is in memory if the system can do that."""
    with os.fdopen(os.memfd_create("lading"), "w+b") if _HAS_MEMFD else tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


def pulse_file() -> AbstractContextManager[IO[bytes]]:
    """A file for the pulse of one worker."""
    return memory_file(bytes(_SIZE))


def shared(file: int) -> mmap.mmap:
    """The memory of a file from `pulse_file`."""
    return mmap.mmap(file, _SIZE)


class Pulse:
    """The worker's side. Without shared memory, nobody reads it."""

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = bytearray(_SIZE) if memory is None else memory
        self._numbers = memoryview(self._memory).cast("Q")
        self._count = 0

    def step(self) -> None:
        """Begin a step, which may call `run`."""
        self._count = (self._count + 1) | 1
        self._numbers[_COUNTER] = self._count

    def rest(self) -> None:
        """End a step."""
        self._count = (self._count | 1) + 1
        self._numbers[_COUNTER] = self._count

    def identify(self, request_id: str) -> None:
        """Name the request of this step."""
        self._memory[_ID] = request_id.encode("latin-1", "replace")[:LONGEST_ID].ljust(LONGEST_ID, b"\0")
        self._numbers[_IDENTIFIED] = self._count

    def renew(self) -> None:
        """Begin another step of the same request."""
        self.step()
        self._numbers[_IDENTIFIED] = self._count


class Watch:
    """The supervisor's side. `stuck` is the number of seconds in which the counter was the same."""

    def __init__(self, memory: Memory, now: float) -> None:
        self.stuck = 0.0
        self._memory = memory
        self._count = self._read(_COUNTER)
        self._seen = now

    @property
    def is_busy(self) -> bool:
        """Whether the worker was in a step at the last look."""
        return bool(self._count & 1)

    @property
    def request_id(self) -> str:
        """The id of the request of this step; empty if it has none. It is printable, though clients choose it."""
        if self._read(_IDENTIFIED) != self._count:
            return ""
        text = bytes(self._memory[_ID]).rstrip(b"\0").decode("latin-1")
        return "".join(letter if letter.isprintable() else "?" for letter in text)

    def look(self, now: float) -> None:
        count, passed = self._read(_COUNTER), min(now - self._seen, _MOST)
        self.stuck = self.stuck + passed if count == self._count else 0.0
        self._count, self._seen = count, now

    def _read(self, place: int) -> int:
        return int.from_bytes(self._memory[8 * place : 8 * place + 8], "little")
