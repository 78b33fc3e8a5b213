"""The power is lost while a process registers, packages and releases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from faults_kit import TRACED, log_of

from .disk import Disk, State, lay_down
from .gate import Figures, Found, Gate, Trial
from .store_gates import judged, scene_of


def _power(trial: Trial) -> Figures:
    scene = scene_of(trial)
    root = scene.root()
    run = scene.run(root, "-s", "65536", "-e", TRACED)
    assert run.returncode == 0, run.stderr
    disk = Disk(scene.folder)
    states: dict[State, tuple[str, ...]] = {}  # with what had been acknowledged by then
    acknowledged: tuple[str, ...] = ()
    answers = iter(run.stdout.splitlines())
    for line in log_of(root).read_text().splitlines():
        if "sync(" in line:
            states |= dict.fromkeys(disk.states(), acknowledged)
        disk.follow(line)
        if " write(1<" in line:
            acknowledged = (*acknowledged, next(answers))
    states |= dict.fromkeys(disk.states(), acknowledged)
    _compare(disk, trial.folder / "followed", root.parent)
    tried = trial.sample(list(states.items()))
    numbers = count()

    def attempt(case: tuple[State, tuple[str, ...]]) -> Iterator[Found]:
        state, promised = case
        folder = trial.folder / f"disk-{next(numbers):05}"
        folder.mkdir()
        lay_down(state, disk.top, folder)
        yield from judged(scene, folder / root.relative_to(scene.folder), list(promised), f"{len(state)} effects")
        shutil.rmtree(folder)

    return Figures(len(states), len(tried), trial.each(attempt, tried))


def _compare(disk: Disk, folder: Path, real: Path) -> None:
    """Raise where the calls, followed to their end, lead elsewhere than the process did: then no figure would count."""
    folder.mkdir()
    lay_down(disk.everything(), disk.top, folder)
    followed = folder / real.name
    assert _contents(followed) == _contents(real), "the calls were not followed as they were made"


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


GATES = (Gate("power-loss", "a store of which a power loss kept what was synced, and any of the rest", _power),)
