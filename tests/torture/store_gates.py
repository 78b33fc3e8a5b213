"""A process that registers, packages and releases, with a kill or an error at each system call on its store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.core.store.faults_kit import FAULTS, UNNOTICED, Point, Scene, changing, check_kept, environ_of, writing

from lading.store import Store

from .gate import Figures, Found, Gate, Harm, Trial


def _kills(trial: Trial) -> Figures:
    scene = scene_of(trial)
    points = changing(scene.points())
    tried = trial.sample(points)

    def attempt(point: Point) -> Iterator[Found]:
        root, run = scene.inject(point, "signal=KILL")
        yield from judged(scene, root, run.stdout.splitlines(), f"killed at {point.line}")

    return Figures(len(points), len(tried), trial.each(attempt, tried))


def _refusals(trial: Trial) -> Figures:
    scene = scene_of(trial)
    changes = changing(scene.points())
    points = [(error, point) for error, calls in FAULTS for point in writing(changes, *calls)]
    tried = trial.sample(points)

    def attempt(refusal: tuple[str, Point]) -> Iterator[Found]:
        error, point = refusal
        root, run = scene.inject(point, f"error={error}")
        where = f"{error} at {point.line}"
        if run.returncode != 0 or not UNNOTICED.search(point.line):
            named = re.match(rf"Transient: {re.escape(str(root.parent))}/\S*: ", run.stderr)  # the list of stores too
            if run.returncode != 5 or not named:
                yield Found(Harm.UNTRUE, f"{where}: {run.returncode} {run.stderr}")
        yield from judged(scene, root, run.stdout.splitlines(), where)

    return Figures(len(points), len(tried), trial.each(attempt, tried))


def scene_of(trial: Trial) -> Scene:
    return Scene(trial.folder, trial.build.packages / "lading")


def judged(scene: Scene, root: Path, acknowledged: list[str], where: str) -> Iterator[Found]:
    """Check that the store is intact and has all acknowledged data, and that the same work then completes as usual."""
    yield from _judged(root, acknowledged, where)
    try:
        scene.check_resumed(root)
    except Exception as error:
        yield Found(Harm.STUCK, f"{where}: {error!r}")


def _judged(root: Path, acknowledged: list[str], where: str) -> Iterator[Found]:
    """Check that the store is intact and has all acknowledged data."""
    try:
        with closing(Store.open(root, environ_of(root))) as store:
            check_kept(store, acknowledged)
    except AssertionError as error:
        yield Found(Harm.LOST, f"{where}: {error!r}")
    except Exception as error:  # any error of a reader
        yield Found(Harm.CORRUPT, f"{where}: {error!r}")


GATES = (
    Gate("store-kill", "a store, killed at each system call of register, package and release", _kills),
    Gate("store-refuse", "the same calls refused: no space, input/output error, no permission, read-only", _refusals),
)
