"""Running things and measuring them: alternated, each round against its own neighbour."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from statistics import median
from typing import TypeVar

import click

T = TypeVar("T")

# What a developer has set for a Python, a store or a server of their own would change what is measured.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LADING_", "AZUREML_"))
}


class Broken(click.ClickException):
    """Something did not work at all, so there is nothing to measure."""

    exit_code = 2


@dataclass(frozen=True)
class Row:
    """One line of the table. `figure` is a ratio, or what `unit` says; None where it was not measured."""

    what: str
    ours: str
    peer: str
    figure: float | None
    limit: float
    unit: str = "x"
    at_least: bool = False

    @property
    def is_over(self) -> bool:
        if self.figure is None:
            return True
        return self.figure < self.limit if self.at_least else self.figure > self.limit

    def __str__(self) -> str:
        verdict = "over" if self.is_over else "ok"
        figure = "-" if self.figure is None else f"{self.figure:.2f} {self.unit}"
        limit = f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}"
        return f"{self.what:<50}{self.ours:>14}{self.peer:>14}{figure:>11}{limit:>11}  {verdict}"


def run(argv: Iterable[str | Path], **env: str) -> str:
    """What a command prints. It leads a session of its own, all of which is killed where this is interrupted.

    `env` are variables on top of the usual ones. Raises Broken with its last lines where it fails.
    """
    command = [str(part) for part in argv]
    with subprocess.Popen(
        command,
        env={**ENVIRONMENT, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate()
        except BaseException:
            os.killpg(child.pid, SIGKILL)
            raise
    if child.returncode != 0:
        raise Broken(f"{' '.join(command)} ended with {child.returncode}:\n{(err or out)[-2000:]}")
    return out


def stopwatch(*argv: str | Path) -> Callable[[], float]:
    """An action that runs a command and returns how many seconds it took."""

    def action() -> float:
        started = time.perf_counter()
        run(argv)
        return time.perf_counter() - started

    return action


def alternate(ours: Callable[[], T], peer: Callable[[], T], rounds: int) -> tuple[list[T], list[T]]:
    """What each action returned in each round, the one first as often as the other.

    A round before the first warms the caches up and does not count.
    """
    ours(), peer()
    results: tuple[list[T], list[T]] = ([], [])
    pairs = [(ours, results[0]), (peer, results[1])]
    for _ in range(rounds):
        for action, taken in pairs:
            taken.append(action())
        pairs.reverse()
    return results


def ratio(ours: Iterable[float], peer: Iterable[float]) -> float:
    """The median over the rounds: what else the machine does weighs on both sides of one round alike."""
    return median(a / b for a, b in zip(ours, peer, strict=True))


def timing(what: str, limit: float, ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Row:
    """The row of two actions that return seconds."""
    taken, theirs = alternate(ours, peer, rounds)
    shown = [f"{median(each) * 1000:.0f} ms" for each in (taken, theirs)]
    return Row(what, shown[0], shown[1], ratio(taken, theirs), limit)


def added(what: str, limit: float, ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Row:
    """The row of two actions that return seconds: how many milliseconds ours takes longer."""
    taken, theirs = alternate(ours, peer, rounds)
    shown = [f"{median(each) * 1000:.0f} ms" for each in (taken, theirs)]
    longer = median(a - b for a, b in zip(taken, theirs, strict=True)) * 1000
    return Row(what, shown[0], shown[1], longer, limit, unit="ms")
