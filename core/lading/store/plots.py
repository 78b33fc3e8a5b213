"""The plots of evaluations: `plots/<evaluation>/NAME.svg` and `.png`, and the last evaluation of each run.

A finished model has no run. The last evaluation of each manifest's finished model is noted in its place.

Plots are only for people. No result depends on them, so a missing plot is not a problem of the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .durable import make_folder, move, naming, seal
from .guard import PLOTS, Guard
from .locks import locked_folder
from .reuse import Reuse
from .scratch import scratch

PLOTTED = "plots"
"""The stage name in the table `reuse` for the last evaluation of a run."""
EVALUATION = re.compile(r"[0-9a-f]{32}")
"""The name of an evaluation's folder."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\.(svg|png)")
_MOST_FILES = 50
_MOST_BYTES = 10_000_000


class Plots:
    """Each evaluation has one folder, and its key begins with the name of that folder."""

    def __init__(self, guard: Guard, reuse: Reuse) -> None:
        self._guard = guard
        self._reuse = reuse

    def keep(self, evaluation: str, files: Iterable[Path], source: Path) -> list[str]:
        """Keep copies of the plots of an evaluation, in place of earlier ones. Returns why a file is left out.

        A file that is not in the folder `source` is left out.
        """
        remarks = []
        with scratch(self._guard) as folder, naming(self._guard.root):
            new = make_folder(folder / "new")
            for number, file in enumerate(files):
                if reason := _copy(file, number, source, new / file.name):
                    remarks.append(f"the plot {file.name!r} is not kept: {reason}")
            self._replace(evaluation, new, folder / "old")
        return remarks

    def of(self, evaluation: str) -> tuple[Path, ...]:
        """The plots of an evaluation, by name; none if there are none."""
        place = self._place(evaluation)
        names: list[str] = []
        with naming(self._guard.root), suppress(FileNotFoundError):
            names = sorted(path.name for path in place.iterdir() if _NAME.fullmatch(path.name))
        return tuple(self._guard.file(PLOTS, place.name, name) for name in names)

    def link(self, run: str, evaluation: str) -> None:
        """Record this evaluation as the last one of a run."""
        self._link(_key(run), evaluation)

    def link_finished(self, manifest: str, evaluation: str) -> None:
        """Record this evaluation as the last one of a manifest's finished model."""
        self._link(_key(f"the finished model of {manifest}"), evaluation)

    def _link(self, key: str, evaluation: str) -> None:
        name = self._place(evaluation).name
        if self._reuse.get(key) != name:
            self._reuse.put(key, PLOTTED, name)

    def of_run(self, run: str) -> tuple[Path, ...]:
        """The plots of a run's last evaluation."""
        found = self._reuse.get(_key(run))
        return self.of(found) if isinstance(found, str) and EVALUATION.fullmatch(found) else ()

    def _place(self, evaluation: str) -> Path:
        return self._guard.folder(PLOTS, evaluation[:32])

    def _replace(self, evaluation: str, new: Path, old: Path) -> None:
        place = self._place(evaluation)
        with locked_folder(make_folder(place.parent)):
            if place.exists():
                place.rename(old)
            if any(new.iterdir()):
                move(new, place)


def _key(run: str) -> str:
    return f"the evaluation of {run}"


def _copy(file: Path, number: int, source: Path, copy: Path) -> str:
    """Copy a plot. Returns why it is not kept; empty if it is."""
    try:
        if reason := _unfit(file, number, source):
            return reason
        content = file.read_bytes()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if copy.exists():
        return "there is another one of that name"
    copy.write_bytes(content)
    seal(copy)
    return ""


def _unfit(file: Path, number: int, source: Path) -> str:
    """Why a file is not kept; empty if it is."""
    if not _NAME.fullmatch(file.name):
        return "its name must be lower-case letters, digits and dashes, and end with .svg or .png"
    if file.is_symlink() or not file.is_file():
        return "it is not a file"
    if not file.resolve().is_relative_to(source.resolve()):
        return "it is not in the folder of the request"
    if number >= _MOST_FILES:
        return f"there are more than {_MOST_FILES}"
    return "" if file.stat().st_size <= _MOST_BYTES else f"it has more than {_MOST_BYTES:,} bytes"
