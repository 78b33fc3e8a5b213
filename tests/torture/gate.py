"""A gate: many attempts to break one promise, and their findings. `registry.py` describes how to add one."""

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
    """Failures that must never happen. Each has a column in the table."""

    LOST = "lost"  # acknowledged data is missing
    ORPHAN = "orphans"  # a process runs that no store knows
    CORRUPT = "corrupt"  # a store does not open, or its content is damaged
    STUCK = "stuck"  # the same command did not complete the work
    UNTRUE = "untrue"  # a false "done", a wrong exit code, or a traceback
    GAP = "gaps"  # the service did not respond, or responded wrongly, while the old release should have
    EXECUTED = "executed"  # code from a malicious file ran
    ESCAPED = "escaped"  # a malicious file left something in a forbidden place


@dataclass(frozen=True)
class Found:
    """One finding, and its place."""

    harm: Harm
    where: str


@dataclass(frozen=True)
class Figures:
    """The result of a gate: `tried` of all `points`, and all findings."""

    points: int
    tried: int
    found: tuple[Found, ...] = ()
    seconds: float = 0.0

    def count(self, harm: Harm) -> int:
        return Counter(found.harm for found in self.found)[harm]


@dataclass(frozen=True)
class Trial:
    """The input of a gate: a build of the product, an empty folder, and the amount of work.

    `share` is the share of the work, 1 for all. `lanes` is the number of parallel attempts. `focus` is a pattern for
    the points to try.
    """

    build: Build
    folder: Path
    share: float = 1.0
    lanes: int = field(default_factory=lambda: 2 * (os.cpu_count() or 1))  # an attempt waits as much as it works
    focus: str = ""

    def size(self, full: int) -> int:
        """The number of attempts, of `full` in a complete run."""
        return max(2, round(full * self.share))

    def sample(self, points: Sequence[T]) -> list[T]:
        """All points, or a share of them, evenly distributed."""
        return _spread(self.focused(points), self.size(len(points)))

    def meet(self, attempt: Callable[[T], Iterable[Found] | None], points: Sequence[T]) -> Figures:
        """Try points until the share of them was reached, evenly distributed.

        An attempt that did not reach its point returns None. Another point is then tried, if there is one.
        """
        wanted, rest = self.size(len(points)), self.focused(points)
        met: list[Iterable[Found]] = []
        with ThreadPoolExecutor(self.lanes) as pool:
            while rest and len(met) < wanted:
                chosen = _spread(rest, wanted - len(met))
                rest = [point for point in rest if point not in chosen]
                met += [found for found in pool.map(attempt, chosen) if found is not None]
        return Figures(len(points), len(met), tuple(found for all_found in met for found in all_found))

    def each(self, attempt: Callable[[T], Iterable[Found]], points: Sequence[T]) -> tuple[Found, ...]:
        """The findings at all points, in their order."""
        with ThreadPoolExecutor(self.lanes) as pool:
            return tuple(
                found for all_found in pool.map(lambda point: list(attempt(point)), points) for found in all_found
            )

    def focused(self, points: Sequence[T]) -> list[T]:
        """The points that fit the focus."""
        return [point for point in points if re.search(self.focus, str(point))]


@dataclass(frozen=True)
class Gate:
    """One row of the table. `promise` explains the figures. `needs` is the program that the gate requires, and
    `variable` the environment variable.

    `share` is its share of work if no gate is named, 0 for none. A named gate always does all of its work.
    """

    name: str
    promise: str
    run: Callable[[Trial], Figures]
    needs: str = "strace"
    share: float = 1.0
    variable: str = ""

    def timed(self, trial: Trial) -> Figures:
        started = time.monotonic()
        figures = self.run(trial)
        return Figures(figures.points, figures.tried, figures.found, time.monotonic() - started)

    @property
    def is_runnable(self) -> bool:
        places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        found = shutil.which(self.needs, path=places) is not None
        return sys.platform == "linux" and found and (not self.variable or self.variable in os.environ)

    @property
    def requirement(self) -> str:
        """The parts of a machine that it needs, for people."""
        return f"Linux, {self.needs} on the PATH" + (f", and {self.variable}" if self.variable else "")


def _spread(points: Sequence[T], most: int) -> list[T]:
    size = min(len(points), most)
    return [points[index * len(points) // size] for index in range(size)]
