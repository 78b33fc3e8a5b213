"""Copy files and folders into a package under their own names."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

from lading import BadInput

_SKIPPED = "__pycache__"


class Folder:
    """A folder of a package. Two different files with the same name raise BadInput."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def add(self, source: Path) -> None:
        """Add a file, or a folder with its contents."""
        if not source.is_dir():
            self.add_file(source, source.name)
            return
        for parent, folders, names in os.walk(source, onerror=_fail):
            folders[:] = sorted(name for name in folders if name != _SKIPPED)
            for name in (*names, *(name for name in folders if Path(parent, name).is_symlink())):
                path = Path(parent, name)
                _check_inside(path, source)
                self.add_file(path, str(source.name / path.relative_to(source)))

    def add_file(self, source: Path, name: str) -> None:
        """Copy the bytes of a regular file. Its mode and times are not copied."""
        if not source.is_file():
            raise BadInput(f"{source} is not a file", hint="only regular files and folders go into a package")
        destination = self._place(name, source)
        if not destination.exists():
            shutil.copyfile(source, destination)
        elif not filecmp.cmp(source, destination, shallow=False):
            raise BadInput(f"{source}: the package has another {name} already", hint="rename one of them")

    def add_text(self, text: str, name: str) -> None:
        self._place(name, None).write_text(text, encoding="utf-8", newline="\n")

    def _place(self, name: str, source: Path | None) -> Path:
        destination = self.path / name
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise BadInput(f"{source}: the package has a file where {name} needs a folder") from None
        return destination


def _fail(error: OSError) -> None:
    raise error


def _check_inside(path: Path, folder: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{path} leads out of {folder}", hint="copy what it leads to, or include that by its name")
