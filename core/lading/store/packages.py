"""Packages: read-only folders named by their digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Refused
from ..model import ModelVersion, Package
from .codec import to_json
from .database import Database
from .digests import Digests, digest_of
from .durable import make_folder, move, naming, seal, sync
from .guard import PACKAGES, Guard
from .locks import locked_folder
from .scratch import scratch

if TYPE_CHECKING:
    from ..model import PackedFiles, RegisterRequest


class Packages:
    """The folders `packages/<digest>/`. A digest covers the files and the model: its names, SHA-256 and parts."""

    def __init__(self, guard: Guard, database: Database, digests: Digests) -> None:
        self._guard = guard
        self._database = database
        self._digests = digests

    def put(self, folder: Path, packed: PackedFiles, model: ModelVersion, *, own_script: bool | None = None) -> Package:
        """Move a scratch folder into the packages and make its files read-only. An existing intact package is kept.

        Raises Refused if the folder holds anything but regular files and folders.
        """
        with naming(folder):
            for path in folder.rglob("*"):
                _make_durable(path, folder)
            sync(folder)
            digest = self.digest(folder, model)
            place = self.place(digest)
            with locked_folder(make_folder(place.parent)):  # another command may keep the same one now
                if not self.is_intact(digest, model):
                    self._replace(place, folder)
        record = {**vars(packed), "own_script": own_script}
        with self._database.write():
            self._database.keep("packages", "INSERT OR REPLACE INTO packages VALUES (?, ?)", (digest, to_json(record)))
        return Package(digest=digest, folder=place, model=model, **record)

    def get(self, digest: str, model: ModelVersion) -> Package | None:
        """The package with this digest. None if it is missing, altered, or a package of another model."""
        rows = self._database.read("SELECT record FROM packages WHERE digest = ?", digest)
        if not rows or not self.is_intact(digest, model):
            return None
        packed = json.loads(rows[0][0])
        packed["requirements"] = tuple(packed["requirements"])
        return Package(digest=digest, folder=self.place(digest), model=model, **packed)

    def digest(self, folder: Path, model: ModelVersion | RegisterRequest) -> str:
        """The digest of a folder as the package of a model."""
        files = [
            [path.relative_to(folder).as_posix(), self._digests.file(path), bool(path.stat().st_mode & 0o100)]
            for path in folder.rglob("*")
            if not path.is_dir()
        ]
        parts = [part.place for part in model.parts]  # they change the layout
        return digest_of([sorted(files), model.name, model.file_name, model.sha256, *parts])

    def place(self, digest: str) -> Path:
        """The path that a package with this digest has in the store."""
        return self._guard.folder(PACKAGES, digest)

    def is_intact(self, digest: str, model: ModelVersion) -> bool:
        """Whether the folder of a package exists and is an unaltered package of the model."""
        place = self.place(digest)
        with naming(place):
            return place.is_dir() and all(map(_plain, place.rglob("*"))) and self.digest(place, model) == digest

    def _replace(self, place: Path, folder: Path) -> None:
        with scratch(self._guard) as away:
            if place.exists():
                place.rename(away / "altered")
            move(folder, place)


def _make_durable(path: Path, folder: Path) -> None:
    if not _plain(path):
        raise Refused(f"a package holds files and folders only, and {path.relative_to(folder)} is neither")
    if path.is_dir():
        path.chmod(0o700)
        sync(path)
    else:
        seal(path)


def _plain(path: Path) -> bool:
    return not path.is_symlink() and (path.is_dir() or path.is_file())
