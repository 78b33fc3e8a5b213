"""Puts a store right from what is still there. What is damaged is moved aside; only the scratch of the dead goes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..errors import BadInput
from .contents import Contents
from .database import Database
from .durable import make_folder, move, naming
from .findings import Finding, Repair
from .locks import exclusive, shared
from .names import lock_file
from .rebuild import diagnose, rebuild, renew_ledger
from .scratch import leftovers, scratch

_DATABASE, _LEDGER = "store.db", "store.ledger"


def repair(root: Path, *, fix: bool, command: str, wait: float) -> list[Finding]:
    """What is wrong with the store in `root`; put right where `fix` says so, as far as that can be.

    Raises BadInput where there is no store, Refused for one of another version, and Locked while a command uses it.
    """
    if not root.is_dir():
        raise BadInput(f"there is no store in {root}", hint="`lading deploy` makes one; --store names another place")
    with ExitStack() as stack, naming(root):
        ward = _Ward(root)
        modes = list(ward.modes())  # before the lock, which closes its own file to others
        stack.enter_context(_held(root, fix=fix, command=command, wait=wait))
        found = _done([*modes, *ward.scratch()], fix=fix)
        folder = stack.enter_context(scratch(root / "tmp") if fix else _outside())
        found += _done(list(ward.database(folder)), fix=fix)
        path = folder / _DATABASE if (folder / _DATABASE).exists() else root / _DATABASE
        if path.exists():
            database = stack.enter_context(closing(Database(path)))
            found += _done(Contents(root, database, folder, ward.set_aside).repairs(), fix=fix)
    return found


def _held(root: Path, *, fix: bool, command: str, wait: float) -> AbstractContextManager[object]:
    """Whoever only looks does so beside other commands."""
    make_folder(root / "locks")
    lock = lock_file(root, "store")
    if fix:
        return exclusive(lock, name="store", command=command, wait=wait)
    return shared(lock, name="store", wait=wait)


@contextmanager
def _outside() -> Iterator[Path]:
    """A place to work in that leaves the store as it is."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _done(repairs: Iterable[Repair], *, fix: bool) -> list[Finding]:
    """The findings; each is put right before the next is looked for, where `fix` says so."""
    found = []
    for finding, act in repairs:
        found.append(finding)
        if fix and finding.repairs:
            act()
    return found


class _Ward:
    """A store under repair."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / "damaged" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"

    def modes(self) -> Iterator[Repair]:
        """What others may read or write. Below `work` and `tmp` is what targets and commands made, behind our door."""
        inner = (path for path in self._root.glob("**/*") if not self._is_foreign(path))
        for path in (self._root, *inner):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o077 and not path.is_symlink():
                own = mode & 0o700
                finding = Finding("mode", self._name(path), f"open to others ({mode:o})", f"chmod {own:o}")
                yield Repair(finding, lambda path=path, own=own: path.chmod(own))  # type: ignore[misc]

    def scratch(self) -> Iterator[Repair]:
        for path in leftovers(self._root / "tmp"):
            finding = Finding("scratch", self._name(path), "left by a process that died", "remove it")
            yield Repair(finding, lambda path=path: shutil.rmtree(path, ignore_errors=True))  # type: ignore[misc]

    def database(self, folder: Path) -> Iterator[Repair]:
        """The database and its ledger, each of which can be made from the other."""
        path = self._root / _DATABASE
        found = diagnose(path, folder)
        if found.database:
            count, unpinned = rebuild(path, folder / _DATABASE)
            kept = f"move it to {self._name(self._aside)} and " if path.exists() else ""
            lost = f"; what {unpinned} model versions were trained with is lost" if unpinned else ""
            finding = Finding("database", _DATABASE, found.database, f"{kept}rebuild it with {count} records{lost}")
            yield Repair(finding, lambda: self._replace_database(folder))
        elif found.ledger:
            finding = Finding("ledger", _LEDGER, found.ledger, "write it again from the database")
            yield Repair(finding, lambda: renew_ledger(path))

    def set_aside(self, path: Path) -> str:
        """Move something that is damaged to where nothing looks for it; returns the name of that place."""
        place = self._aside / path.relative_to(self._root)
        make_folder(place.parent)
        move(path, place)
        return self._name(place)

    def _replace_database(self, folder: Path) -> None:
        """Whenever this is cut off, the ledger in place says all that could be found."""
        if (self._root / _LEDGER).exists():
            make_folder(self._aside)
            shutil.copyfile(self._root / _LEDGER, self._aside / _LEDGER)
            (self._aside / _LEDGER).chmod(0o600)
        move(folder / _LEDGER, self._root / _LEDGER)
        for name in (_DATABASE, f"{_DATABASE}-journal"):
            if (self._root / name).exists():
                self.set_aside(self._root / name)
        move(folder / _DATABASE, self._root / _DATABASE)

    def _is_foreign(self, path: Path) -> bool:
        parts = path.relative_to(self._root).parts
        return len(parts) > 1 and parts[0] in ("work", "tmp")

    def _name(self, path: Path) -> str:
        return str(path if path == self._root else path.relative_to(self._root))
