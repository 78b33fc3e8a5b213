"""Checks of a store whose database is intact: damaged files, and records that dead processes left unfinished."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path

from ..errors import Refused
from ..model import ModelVersion
from ..model.parts import MODELS
from .codec import from_record
from .database import Database, create_database
from .digests import Digests
from .files import Files
from .findings import Finding, Repair
from .guard import FILES, MODULES, PACKAGES, TREES, WORK, Guard
from .locks import is_free
from .models import sources
from .names import service_lock, train_lock
from .packages import Packages
from .reuse import PACKAGED, TRAINED
from .runs import Runs

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Contents:
    """Checks of all stored bytes. Every file is read again: remembered digests are not trusted here.

    `folder` is a scratch folder. `set_aside` moves a damaged file away.
    """

    def __init__(self, guard: Guard, database: Database, folder: Path, set_aside: Callable[[Path], object]) -> None:
        self._guard = guard
        self._root = guard.root
        self._database = database
        self._folder = folder
        self._set_aside = set_aside
        self._models = [from_record(ModelVersion, record) for record in self._records("models")]

    def repairs(self) -> Iterator[Repair]:
        create_database(self._folder / "digests.db")
        with closing(Database(self._folder / "digests.db")) as nothing:
            digests = Digests(self._root, nothing)
            self._files = Files(self._guard, digests)
            packages = Packages(self._guard, self._database, digests)
            for sha256, name in sorted(self._wanted() | self._present()):
                if not self._files.is_intact(sha256, name):
                    yield self._file(sha256, name)
            for (digest,) in self._database.read("SELECT digest FROM packages"):
                if not any(packages.is_intact(digest, model) for model in self._models):
                    yield self._package(packages.place(digest), digest)
        yield from self._runs()
        yield from self._effects()

    def _records(self, table: str) -> list[str]:
        return [row[-1] for row in self._database.rows(table)]

    def _wanted(self) -> set[tuple[str, str]]:
        """The files that the records name: pairs of digest and file name. Only source files have a file name."""
        files = {(model.sha256, "") for model in self._models}
        outputs = [json.loads(output) for _, stage, output in self._database.rows("reuse") if stage in TRAINED]
        scripts = [Path(output["scoring"]) for output in outputs if output.get("scoring")]
        kept = (*scripts, *(source for model in self._models for source in sources(model)))
        files |= {(path.parent.name, path.name) for path in kept}
        return files | {(output[name], "") for output in outputs for name in ("sha256", "distributions")}

    def _present(self) -> set[tuple[str, str]]:
        places = (self._guard.folder(FILES), self._guard.folder(TREES))
        files = {(path.name, "") for place in places for path in place.glob("*")}
        folders = [path for path in self._guard.folder(MODULES).glob("*") if not path.is_symlink()]
        modules = {(folder.name, path.name) for folder in folders for path in folder.glob("*")}
        return {(sha256, name) for sha256, name in files | modules if _SHA256.fullmatch(sha256)}

    def _file(self, sha256: str, name: str) -> Repair:
        path, copy = self._files.path(sha256, name=name), self._copies.get(sha256)
        missing = not path.exists()
        reused = self._database.read(
            "SELECT key FROM reuse WHERE stage IN (?, ?) AND instr(output, ?)", *TRAINED, sha256
        )
        away = "" if missing else "move it aside and "
        if copy:
            remedy = f"{away}restore the copy in {copy.parent.relative_to(self._root)}"
        elif reused:
            remedy = f"{away}discard the result that it belongs to: the next `lading deploy` creates it again"
        elif missing:
            remedy = "restore a copy of it: this store has no other copy"
        else:
            remedy = "move it aside"

        def act() -> None:
            if not missing:
                self._set_aside(path)
            if copy:
                self._files.put(copy, sha256, name=name)
            else:
                self._forget("reuse", "key", [key for (key,) in reused])

        problem = "missing" if missing else "altered"
        finding = Finding(
            "file", self._label(path, sha256), problem, remedy, repairs=bool(copy or reused or not missing)
        )
        return Repair(finding, act)

    def _label(self, path: Path, sha256: str) -> str:
        models = [model for model in self._models if model.sha256 == sha256]
        versions = [f"{model.name}:{model.version}" for model in models]
        place = path.relative_to(self._root)
        if models and place.parts[0] == FILES:  # where a folder that is missing would lie
            place = models[0].file
        return f"{place}" + (f" ({', '.join(versions)})" if versions else "")

    @cached_property
    def _copies(self) -> dict[str, Path]:
        """Other copies of models and modules, by digest: in the folders of releases and in packages."""
        found: dict[str, Path] = {}
        laid_out = (path for path in _below(self._guard.folder(WORK)) if MODELS in path.parts)
        for path in (*laid_out, *_below(self._guard.folder(PACKAGES))):
            with path.open("rb") as file:
                found.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), path)
        for folder in _folders_laid_out(self._guard.folder(WORK)):
            with suppress(Refused):
                found.setdefault(self._files.digest(folder), folder)
        return found

    def _package(self, place: Path, digest: str) -> Repair:
        exists = place.exists()

        def act() -> None:
            if exists:
                self._set_aside(place)
            query = "SELECT key FROM reuse WHERE stage = ? AND output = ?"
            made = self._database.read(query, PACKAGED, json.dumps(digest))
            self._forget("reuse", "key", [key for (key,) in made])
            self._forget("packages", "digest", [digest])

        away = "move it aside: " if exists else ""
        remedy = f"{away}`lading deploy` creates it again; until then no rollback can use it"
        name = f"packages/{digest}"
        return Repair(Finding("package", name, "altered" if exists else "missing", remedy), act)

    def _runs(self) -> Iterator[Repair]:
        runs = Runs(self._database)
        for run in runs.running():
            if is_free(self._guard, train_lock(run.name)):
                finding = Finding("run", run.id, "running, and its process is dead", "record it as failed")
                yield Repair(finding, lambda run=run: runs.interrupt(run))  # type: ignore[misc]

    def _effects(self) -> Iterator[Repair]:
        """Report effects that dead commands began at a target. Only the target knows their outcome."""
        rows = self._database.read(
            "SELECT service, target, name FROM journal WHERE outcome IS NULL OR outcome = 'unknown' ORDER BY id"
        )
        for service, target, name in rows:
            if is_free(self._guard, service_lock(service, target)):
                remedy = f"`lading deploy --target {target}` asks the target, and finishes or undoes it"
                problem = f"begun for {service} on '{target}' by a command that died"
                yield Repair(Finding("effect", name, problem, remedy, repairs=False))

    def _forget(self, table: str, column: str, keys: list[str]) -> None:
        with self._database.write() as connection:
            connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(key,) for key in keys])
            self._database.renew_ledger()


def _folders_laid_out(work: Path) -> Iterator[Path]:
    """The folders that are models, or hold several, as they were laid out for releases; no link is followed."""
    for parent, folders, _names in os.walk(work):
        place = Path(parent)
        if place.parts[-3:-2] == (MODELS,):
            yield from (place / name for name in folders if not (place / name).is_symlink())
        elif place.name == MODELS:
            yield place


def _below(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder. Links are not followed."""
    for parent, _folders, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if stat.S_ISREG(path.lstat().st_mode):
                yield path
