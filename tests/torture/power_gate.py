"""Power losses while a process registers, packages and releases."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.core.store.faults_kit import TRACED, Scene, environ_of, log_of

from lading.store.report import grant_trust

from .disk import Disk, Image, image, lay_down
from .gate import Figures, Found, Gate, Trial
from .store_gates import judged, scene_of

Case = tuple[Image, tuple[str, ...]]  # the content of the disk, and the output acknowledged before


def _power(trial: Trial) -> Figures:
    scene = scene_of(trial)
    root = scene.root()
    cases = _cases(scene, root)
    tried = trial.sample(cases)
    attempt = partial(_attempt, scene, root.relative_to(scene.folder), trial.folder)
    with ProcessPoolExecutor(trial.lanes, get_context("spawn")) as pool:  # not threads: all of it is computation
        found = tuple(found for all_found in pool.map(attempt, tried, chunksize=8) for found in all_found)
    return Figures(len(cases), len(tried), found)


def _cases(scene: Scene, root: Path) -> list[Case]:
    """Each distinct case of a power loss, once."""
    run = scene.run(root, "-s", "65536", "-e", TRACED)
    assert run.returncode == 0, run.stderr
    disk = Disk(scene.folder)
    acknowledged: tuple[str, ...] = ()
    cases: dict[Case, None] = {}

    def note() -> None:
        cases.update(dict.fromkeys((image(state, disk.top), acknowledged) for state in disk.states()))

    answers = iter(run.stdout.splitlines())
    for line in log_of(root).read_text().splitlines():
        if "sync(" in line:
            note()
        disk.follow(line)
        if " write(1<" in line:
            acknowledged = (*acknowledged, next(answers))
    note()
    followed = dict(image(disk.everything(), disk.top))
    assert followed == _contents(root.parent), "the calls were not followed as they were made"
    return list(cases)


def _contents(folder: Path) -> dict[str, bytes | None]:
    found = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder.parent)): path.read_bytes() if path.is_file() else None for path in found}


def _attempt(scene: Scene, store: Path, within: Path, case: Case) -> list[Found]:
    on_disk, acknowledged = case
    folder = Path(tempfile.mkdtemp(dir=within))
    lay_down(on_disk, folder)
    if (folder / store).is_dir():  # it was created at another path
        grant_trust(folder / store, environ_of(folder / store))
    found = list(judged(scene, folder / store, list(acknowledged), f"{len(on_disk)} files and folders were left"))
    shutil.rmtree(folder)
    return found


GATES = (Gate("power-loss", "a store of which a power loss kept what was synced, and any of the rest", _power),)
