"""The board of a service: memory in which its workers count, shared by the supervisor and all workers of all releases.

Each worker writes only its own slot, so it needs no lock. A worker that replaces another one takes over its slot, so no
counter goes back. The supervisor writes the entries of the releases and decides whose slots are whose. Any worker can
read all of it.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other")
STATUSES = (
    *(200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406),
    *(407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451),
    *(500, 501, 502, 503, 504, 505, 506, 507, 508, 511),
)
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
"""The labels of all other statuses."""
STATUS_LABELS = (*map(str, STATUSES), *CLASSES)
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper bounds of the buckets of durations."""
REASONS = ("exit", "signal", "killed", "stuck")
"""How a worker ended that was replaced: `killed` is by SIGKILL, as for a lack of memory."""

_LAYOUT = 2  # the version of everything below; a worker of another version does not touch the memory
_MOST_RELEASES = 32
_MOST_WORKERS = 1024
_STATUS_CELLS = 64

# All places count words of eight bytes, from the start of an entry or a slot.
OTHER, SCORING = 0, 1
"""Two groups of requests: figures of a release cover only those for the scoring script."""
PID, QUEUED, LOAD = 0, 1, 2
SUMS = 8  # the requests in flight, and sums that are written together
IN_FLIGHT, LATENCY_SUM, RUN_SUM, RECEIVED, SENT = SUMS, SUMS + 1, SUMS + 3, SUMS + 4, SUMS + 5
TABLE = 16
_TABLE_SIZE = len(METHODS) * _STATUS_CELLS
LATENCY = TABLE + 2 * _TABLE_SIZE
TIME_CELLS = len(SECONDS) + 1  # one for each bucket, and one for larger values
RUN = LATENCY + 2 * TIME_CELLS
_SLOT = 1152
RESTARTS = 1
SNAPSHOTS = 16
_ENTRY, _TEXT, _TEXT_LENGTH = 1024, 512, 511
_OWNERS = 8
_ENTRIES = _OWNERS + _MOST_WORKERS
_SLOTS = _ENTRIES + _MOST_RELEASES * _ENTRY
_SIZE = 8 * (_SLOTS + _MOST_WORKERS * _SLOT)
_LONGEST_TEXT = 8 * (_ENTRY - _TEXT)


class Board:
    """The memory with its places. Without a file, only this process sees it."""

    def __init__(self, file: int = -1) -> None:
        self.memory = mmap.mmap(file, _SIZE)
        self.numbers = memoryview(self.memory).cast("Q")
        self.floats = memoryview(self.memory).cast("d")
        if file < 0:
            self.numbers[0] = _LAYOUT

    @classmethod
    def shared(cls, file: int) -> Board | None:
        """The board of a supervisor. None if another version of Lading has made it."""
        with suppress(ValueError):  # the file is smaller
            board = cls(file)
            return board if board.numbers[0] == _LAYOUT else None
        return None

    def releases(self) -> Iterator[int]:
        """The entries of all releases."""
        return (entry for entry in range(_ENTRIES, _SLOTS, _ENTRY) if self.numbers[entry])

    def slots(self, entry: int) -> list[int]:
        """The slots of the workers of a release, those of ended ones included."""
        owners = self.numbers[_OWNERS:_ENTRIES].tolist()
        return [_SLOTS + _SLOT * number for number, owner in enumerate(owners) if owner == entry]

    def facts(self, entry: int) -> dict[str, str]:
        """The facts about a release, as its supervisor wrote them."""
        start, length = 8 * (entry + _TEXT), self.numbers[entry + _TEXT_LENGTH]
        facts: dict[str, str] = json.loads(self.memory[start : start + length])
        return facts

    def add_release(self, facts: Mapping[str, str]) -> int:
        """A new entry for a release; 0 if the board is full."""
        entry = next((each for each in range(_ENTRIES, _SLOTS, _ENTRY) if not self.numbers[each]), 0)
        if entry:
            text = json.dumps({name: value[:200] for name, value in facts.items()}).encode()
            if len(text) > _LONGEST_TEXT:
                text = b"{}"
            start = 8 * (entry + _TEXT)
            self.memory[start : start + len(text)] = text
            self.numbers[entry + _TEXT_LENGTH] = len(text)
            self.numbers[entry] = 1
        return entry

    def add_slot(self, entry: int) -> int:
        """A new slot for a worker of a release; 0 if the board is full."""
        owners = self.numbers[_OWNERS:_ENTRIES].tolist()
        if not entry or 0 not in owners:
            return 0
        number = owners.index(0)
        self.numbers[_OWNERS + number] = entry
        return _SLOTS + _SLOT * number

    def remove_release(self, entry: int) -> None:
        """Clear the entry of a release and its slots. None of its workers may run."""
        if not entry:
            return
        for slot in self.slots(entry):
            self._clear(slot, _SLOT)
            self.numbers[_OWNERS + (slot - _SLOTS) // _SLOT] = 0
        self._clear(entry, _ENTRY)

    def _clear(self, place: int, words: int) -> None:
        self.memory[8 * place : 8 * (place + words)] = bytes(8 * words)


def board_file() -> int:
    """A new file for a board, which has no name. It is in memory if the system can do that."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("lading-board")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.ftruncate(file, _SIZE)
    os.pwrite(file, _LAYOUT.to_bytes(8, sys.byteorder), 0)
    return file


def status_cell(status: int) -> int:
    """The place of a status in a row of the table. Unknown ones share the cell of their class."""
    place = _STATUS_PLACES.get(status)
    return place if place is not None else len(STATUSES) + min(max(status // 100, 1), 5) - 1


def table_cell(group: int, method: str, status: int) -> int:
    """The place of the number of requests with a method and a status, in a slot."""
    row = _METHOD_PLACES.get(method, len(METHODS) - 1)
    return TABLE + group * _TABLE_SIZE + row * _STATUS_CELLS + status_cell(status)


_STATUS_PLACES = {status: place for place, status in enumerate(STATUSES)}
_METHOD_PLACES = {method: place for place, method in enumerate(METHODS)}
assert RUN + TIME_CELLS <= _SLOT
assert len(STATUS_LABELS) <= _STATUS_CELLS
