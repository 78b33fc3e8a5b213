"""Measurements: commands alternate, and each round is compared within itself."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from statistics import median, quantiles
from typing import TypeVar

import click

T = TypeVar("T")

# Settings of the developer for Python, a store or a server would change the results.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LADING_", "AZUREML_"))
}


class Broken(click.ClickException):
    """Something failed, so there is nothing to measure."""

    exit_code = 2


@dataclass(frozen=True)
class Row:
    """One line of the table. `figure` is a ratio, or has the unit `unit`. None if it was not measured.

    `spread` holds the quartiles of a ratio over the rounds.
    """

    what: str
    ours: str
    peer: str
    figure: float | None
    limit: float
    unit: str = "x"
    at_least: bool = False
    spread: str = ""

    @property
    def is_over(self) -> bool:
        if self.figure is None:
            return True
        return self.figure < self.limit if self.at_least else self.figure > self.limit

    def __str__(self) -> str:
        verdict = "over" if self.is_over else "ok"
        figure = "-" if self.figure is None else f"{self.figure:.2f} {self.unit}"
        limit = f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}"
        return (
            f"{self.what:<50}{self.ours:>14}{self.peer:>14}{figure:>11}{limit:>11}  {verdict:<6}{self.spread}".rstrip()
        )


def run(argv: Iterable[str | Path], **env: str) -> str:
    """Run a command and return its output. It leads its own session, which is killed on an interrupt.

    `env` are additional variables. Raises Broken with the last lines of output if the command fails.
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


def cpu_clock(*argv: str | Path) -> Callable[[], float]:
    """An action that runs a command and returns its CPU time in seconds. Other programs affect it less.

    Processes that the command leaves running do not count.
    """

    def action() -> float:
        before = _cpu_of_children()
        run(argv)
        return _cpu_of_children() - before

    return action


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def alternate(ours: Callable[[], T], peer: Callable[[], T], rounds: int) -> tuple[list[T], list[T]]:
    """The results of both actions in each round. Each action goes first equally often.

    An additional first round fills the caches and does not count.
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
    """The median ratio over the rounds. Other load affects both sides of a round equally."""
    return median(ratios(ours, peer))


def ratios(ours: Iterable[float], peer: Iterable[float]) -> list[float]:
    return [a / b for a, b in zip(ours, peer, strict=True)]


def spread(ratios: list[float]) -> str:
    """The quartiles, which contain half of the rounds. Empty for a single round."""
    if len(ratios) < 2:
        return ""
    low, _, high = quantiles(ratios, n=4)
    return f"{low:.3f} to {high:.3f}"


def timing(what: str, limit: float, ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Row:
    """The row for two actions that return seconds."""
    taken, theirs = alternate(ours, peer, rounds)
    shown = [f"{median(each) * 1000:.0f} ms" for each in (taken, theirs)]
    return Row(what, shown[0], shown[1], ratio(taken, theirs), limit, spread=spread(ratios(taken, theirs)))


def added(what: str, limit: float, ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> Row:
    """The row for two actions that return seconds: the additional milliseconds of Lading."""
    taken, theirs = alternate(ours, peer, rounds)
    shown = [f"{median(each) * 1000:.0f} ms" for each in (taken, theirs)]
    longer = median(a - b for a, b in zip(taken, theirs, strict=True)) * 1000
    return Row(what, shown[0], shown[1], longer, limit, unit="ms")
