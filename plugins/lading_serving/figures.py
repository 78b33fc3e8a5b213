"""The figures of releases, summed over their workers from the board: in all, and of the last minute."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .board import (
    LATENCY,
    METHODS,
    PID,
    REASONS,
    RESTARTS,
    SCORING,
    SECONDS,
    SNAPSHOTS,
    STATUS_LABELS,
    TIME_CELLS,
    Board,
    table_cell,
)

FIGURES = "application/vnd.lading.figures+json"
"""The media type of the figures as JSON, which `/metrics` gives to who asks for it."""

MINUTE = 60.0
_INTERVAL = 5.0  # seconds between two snapshots
_SHORTEST = 1.0  # seconds: of a release that has just begun, one request gives no rate of a hundred per second
_KEPT = 16
_WORDS = TIME_CELLS + 3  # the time, the errors, the refused and the buckets of one snapshot
_NEXT = SNAPSHOTS - 1  # the place of the number of snapshots
_STARTED = SNAPSHOTS - 2
_STATUS_CELLS = table_cell(SCORING, METHODS[1], 200) - table_cell(SCORING, METHODS[0], 200)


@dataclass(frozen=True)
class Count:
    """Scored requests: how many ended with a status of 5xx and of 4xx, and how many took how long, by bucket."""

    errors: int
    refused: int
    buckets: tuple[int, ...]

    def minus(self, other: Count) -> Count:
        buckets = tuple(ours - theirs for ours, theirs in zip(self.buckets, other.buckets, strict=True))
        return Count(self.errors - other.errors, self.refused - other.refused, buckets)

    @property
    def document(self) -> dict[str, Any]:
        answers = {"requests": sum(self.buckets), "errors": self.errors, "refused": self.refused}
        return {**answers, "bounds": SECONDS, "counts": self.buckets}


def begin(board: Board, entry: int) -> None:
    """Note when a release began, so that a release of less than a minute is known."""
    if entry:
        board.floats[entry + _STARTED] = time.monotonic()


def restarted(board: Board, entry: int, reason: str) -> None:
    """Count a worker of a release that ended and is replaced."""
    if entry:
        board.numbers[entry + RESTARTS + REASONS.index(reason)] += 1


def restarts(board: Board, entry: int) -> dict[str, int]:
    return {reason: board.numbers[entry + RESTARTS + place] for place, reason in enumerate(REASONS)}


def remember(board: Board, entry: int, now: float) -> None:
    """Take a snapshot of a release, if one is due."""
    if not entry:
        return
    taken = board.numbers[entry + _NEXT]
    latest = entry + SNAPSHOTS + (taken - 1) % _KEPT * _WORDS
    if taken and now - board.floats[latest] < _INTERVAL:
        return
    count, place = total(board, entry), entry + SNAPSHOTS + taken % _KEPT * _WORDS
    board.floats[place] = now
    for offset, number in enumerate((count.errors, count.refused, *count.buckets), 1):
        board.numbers[place + offset] = number
    board.numbers[entry + _NEXT] = taken + 1


def total(board: Board, entry: int) -> Count:
    """The scored requests of a release since it began."""
    numbers, ended, buckets = board.numbers, {"4": 0, "5": 0}, [0] * TIME_CELLS
    for slot in board.slots(entry):
        start = slot + LATENCY + SCORING * TIME_CELLS
        buckets = [sum(pair) for pair in zip(buckets, numbers[start : start + TIME_CELLS].tolist(), strict=True)]
        for _method, status, count in statuses(board, slot, SCORING):
            ended[status[0]] = ended.get(status[0], 0) + count
    return Count(ended["5"], ended["4"], tuple(buckets))


class Minute(NamedTuple):
    """The scored requests of about the last minute, and the seconds that they cover."""

    scored: Count
    seconds: float


def last_minute(board: Board, entry: int, now: float) -> Minute | None:
    """The scored requests of about the last minute, or since a younger release began. None if no snapshot fits."""
    count, taken = total(board, entry), board.numbers[entry + _NEXT]
    known = list(_snapshots(board, entry, taken))
    if (age := now - board.floats[entry + _STARTED]) <= MINUTE:
        return Minute(count, max(_SHORTEST, age))
    near = min(known, key=lambda snapshot: abs(now - snapshot[0] - MINUTE), default=None)
    if near is None or abs(now - near[0] - MINUTE) > _INTERVAL:
        return None
    return Minute(count.minus(near[1]), now - near[0])


def _snapshots(board: Board, entry: int, taken: int) -> Iterator[tuple[float, Count]]:
    for number in range(min(taken, _KEPT)):
        place = entry + SNAPSHOTS + number * _WORDS
        errors, refused, *buckets = board.numbers[place + 1 : place + _WORDS].tolist()
        yield board.floats[place], Count(errors, refused, tuple(buckets))


def statuses(board: Board, slot: int, group: int) -> Iterator[tuple[str, str, int]]:
    """The methods and statuses of the requests that a worker has answered, with their numbers."""
    start = table_cell(group, METHODS[0], 200)
    cells = board.numbers[start + slot : start + slot + len(METHODS) * _STATUS_CELLS].tolist()
    for cell, count in enumerate(cells):
        if count:
            yield METHODS[cell // _STATUS_CELLS], STATUS_LABELS[cell % _STATUS_CELLS], count


def resident_bytes(board: Board, entry: int) -> int | None:
    """The memory of all workers of a release; None if the system does not show it."""
    pids = [board.numbers[slot + PID] for slot in board.slots(entry)]
    found = []
    for pid in filter(None, pids):
        with suppress(OSError, ValueError, IndexError):  # it has ended, or the system has no such files
            found.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return sum(found) if found else None


def document(board: Board) -> dict[str, Any]:
    """The figures of all releases, as JSON values."""
    return {"releases": [_release(board, entry, time.monotonic()) for entry in board.releases()]}


def _release(board: Board, entry: int, now: float) -> dict[str, Any]:
    minute, facts = last_minute(board, entry, now), board.facts(entry)
    return {
        "release": facts.get("release", ""),
        "release_id": facts.get("release_id", ""),
        "total": total(board, entry).document,
        "minute": minute.scored.document if minute else None,
        "minute_seconds": minute.seconds if minute else MINUTE,
        "restarts": sum(restarts(board, entry).values()),
        "memory": resident_bytes(board, entry),
    }
