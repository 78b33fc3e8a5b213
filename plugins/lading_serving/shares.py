"""The shares of a canary: memory that the supervisor writes and all workers of its releases read.

One number has all that a worker must know of the canary, so that no worker sees half of a change. The counters are
exact among workers: a lock of the file, which the system releases if its owner is killed, protects them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .comparing import Compared, Difference, Output

SHARES = 100
"""The weight of all requests."""

MOST_OUTPUTS = 32  # outputs with their own sums; all later ones share the last

_WORDS = 512  # of eight bytes
_CANARY, _SPLIT, _COPIED, _SUMS = 0, 1, 2, 16
_REQUESTS, _EQUAL, _OLD, _NEW, _OUTPUTS = range(_SUMS, _SUMS + 5)
_COUNT, _TOTAL, _LARGEST = range(3)  # of one output
_FIELDS = (("release", 31), ("port", 16), ("weight", 7), ("shadow", 7), ("is_reachable", 1))
_EXISTS = 1 << 62
_HAS_MEMFD = hasattr(os, "memfd_create")


class Canary(NamedTuple):
    """A release beside the serving one. `weight` and `shadow` are percents. `port` is its private one."""

    release: int
    port: int
    weight: int
    shadow: int
    is_reachable: bool
    """Whether a worker of it can answer."""


def shares_file() -> int:
    """An open file for the shares of a service without a canary."""
    if _HAS_MEMFD:
        file = os.memfd_create("lading")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.truncate(file, 8 * _WORDS)
    return file


class Shares:
    """The shares in a file from `shares_file`, which must stay open."""

    def __init__(self, file: int) -> None:
        self.file = file
        self._memory = memoryview(mmap.mmap(file, 8 * _WORDS))
        self._numbers, self._floats = self._memory.cast("Q"), self._memory.cast("d")
        self._known = 0
        self._canary: Canary | None = None

    @property
    def canary(self) -> Canary | None:
        """The canary, if the service has one."""
        number = self._numbers[_CANARY]
        if number != self._known:
            self._known, self._canary = number, _decoded(number)
        return self._canary

    def set_canary(self, canary: Canary | None) -> None:
        """Publish a canary. The sums of its comparisons begin with it, and stay after its end."""
        before = self.canary
        if canary and (before is None or before.release != canary.release):
            with self._locked(_SUMS):
                self._memory[8 * _SPLIT :] = bytes(8 * (_WORDS - _SPLIT))
        self._numbers[_CANARY] = _encoded(canary) if canary else 0

    def takes_next(self, weight: int) -> bool:
        """Count a request. Returns whether the canary answers it."""
        return self._is_due(_SPLIT, weight)

    def copies_next(self, shadow: int) -> bool:
        """Count a request that the serving release has answered. Returns whether the canary gets a copy."""
        return self._is_due(_COPIED, shadow)

    def _is_due(self, counter: int, percent: int) -> bool:
        """Whether the share grows with the next request. Of any 100 in a row, `percent` are due."""
        if percent in {0, SHARES}:
            return percent == SHARES
        with self._locked(counter):
            count = self._numbers[counter]
            self._numbers[counter] = count + 1
        return (count + 1) * percent // SHARES > count * percent // SHARES

    def add(self, difference: Difference, old: float, new: float) -> None:
        """Add a comparison of two answers, and the seconds that each of them took."""
        numbers, floats = self._numbers, self._floats
        with self._locked(_SUMS):
            numbers[_REQUESTS] += 1
            numbers[_EQUAL] += difference.is_equal
            floats[_OLD] += old
            floats[_NEW] += new
            for place, output in enumerate(difference.outputs):
                first = _place(place)
                numbers[first + _COUNT] += output.values
                floats[first + _TOTAL] += output.total
                floats[first + _LARGEST] = max(floats[first + _LARGEST], output.largest)

    def compared(self) -> Compared:
        """The sums of all comparisons with the last canary."""
        with self._locked(_SUMS):
            numbers, floats = self._numbers, self._floats
            outputs = (
                Output(numbers[first + _COUNT], floats[first + _TOTAL], floats[first + _LARGEST])
                for first in map(_place, range(MOST_OUTPUTS))
            )
            return Compared(
                numbers[_REQUESTS],
                numbers[_EQUAL],
                floats[_OLD],
                floats[_NEW],
                tuple(output for output in outputs if output.values),
            )

    @contextmanager
    def _locked(self, place: int) -> Iterator[None]:
        fcntl.lockf(self.file, fcntl.LOCK_EX, 1, place)
        try:
            yield
        finally:
            fcntl.lockf(self.file, fcntl.LOCK_UN, 1, place)


def _place(output: int) -> int:
    return _OUTPUTS + 3 * min(output, MOST_OUTPUTS - 1)


def _encoded(canary: Canary) -> int:
    number = 1
    for (_, bits), value in zip(_FIELDS, canary, strict=True):
        number = number << bits | value
    return number


def _decoded(number: int) -> Canary | None:
    if not number & _EXISTS:
        return None
    values = []
    for _, bits in reversed(_FIELDS):
        values.append(number & (1 << bits) - 1)
        number >>= bits
    reachable, shadow, weight, port, release = values
    return Canary(release, port, weight, shadow, bool(reachable))
