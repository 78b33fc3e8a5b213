"""What a gate is: many attempts to break one promise, and what was broken. To add one, see `registry.py`."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from .builds import Build

T = TypeVar("T")


class Harm(StrEnum):
    """What must never happen, by the column of the table that counts it."""

    LOST = "lost"  # something was acknowledged, and is gone
    ORPHAN = "orphans"  # a process lives on that no store knows
    CORRUPT = "corrupt"  # a store does not open, or what it holds is not whole
    STUCK = "stuck"  # the same command, run again, did not finish the work
    UNTRUE = "untrue"  # "done" that was not so, an exit code that means something else, or a traceback
    GAP = "gaps"  # the service did not answer, or wrongly, while the old release should have
    EXECUTED = "executed"  # something in a hostile file ran
    ESCAPED = "escaped"  # a hostile file left something where it may not


@dataclass(frozen=True)
class Found:
    """One harm, and where it was done."""

    harm: Harm
    where: str


@dataclass(frozen=True)
class Figures:
    """What a gate came to: `tried` points of the `points` there are, and every harm that it found."""

    points: int
    tried: int
    found: tuple[Found, ...] = ()
    seconds: float = 0.0

    def count(self, harm: Harm) -> int:
        return Counter(found.harm for found in self.found)[harm]


@dataclass(frozen=True)
class Trial:
    """What a gate works with: a build of the product, an empty folder, and how much of its work it is to do.

    `share` is 1 for all of it; `lanes` is how many attempts run side by side; `focus` is a pattern of the points that
    are tried.
    """

    build: Build
    folder: Path
    share: float = 1.0
    lanes: int = field(default_factory=lambda: 2 * (os.cpu_count() or 1))  # an attempt waits as much as it works
    focus: str = ""

    def size(self, full: int) -> int:
        """How many attempts of `full` are made."""
        return max(2, round(full * self.share))

    def sample(self, points: Sequence[T]) -> list[T]:
        """All points, or as many as the share allows, evenly spread."""
        return _spread(self._focused(points), self.size(len(points)))

    def meet(self, attempt: Callable[[T], Iterable[Found] | None], points: Sequence[T]) -> Figures:
        """Try points until as many were met as the share allows, evenly spread.

        An attempt that did not come to its point returns None; another point is then tried instead, while there is one.
        """
        wanted, rest = self.size(len(points)), self._focused(points)
        met: list[Iterable[Found]] = []
        with ThreadPoolExecutor(self.lanes) as pool:
            while rest and len(met) < wanted:
                chosen = _spread(rest, wanted - len(met))
                rest = [point for point in rest if point not in chosen]
                met += [found for found in pool.map(attempt, chosen) if found is not None]
        return Figures(len(points), len(met), tuple(found for all_found in met for found in all_found))

    def each(self, attempt: Callable[[T], Iterable[Found]], points: Sequence[T]) -> tuple[Found, ...]:
        """What was found at any of the points, in their order."""
        with ThreadPoolExecutor(self.lanes) as pool:
            return tuple(
                found for all_found in pool.map(lambda point: list(attempt(point)), points) for found in all_found
            )

    def _focused(self, points: Sequence[T]) -> list[T]:
        return [point for point in points if re.search(self.focus, str(point))]


@dataclass(frozen=True)
class Gate:
    """One row of the table. `promise` says what the figures mean; `needs` names the program that it needs.

    `share` is how much of its work is done where no gate is named, 0 for none; one that is named does all of it.
    """

    name: str
    promise: str
    run: Callable[[Trial], Figures]
    needs: str = "strace"
    share: float = 1.0

    def timed(self, trial: Trial) -> Figures:
        started = time.monotonic()
        figures = self.run(trial)
        return Figures(figures.points, figures.tried, figures.found, time.monotonic() - started)

    @property
    def is_runnable(self) -> bool:
        return sys.platform == "linux" and shutil.which(self.needs) is not None


def _spread(points: Sequence[T], most: int) -> list[T]:
    size = min(len(points), most)
    return [points[index * len(points) // size] for index in range(size)]
