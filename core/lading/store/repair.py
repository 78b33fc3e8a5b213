"""Repair a store. Damaged parts are moved aside. Only scratch folders of dead processes are removed."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from .contents import Contents
from .database import FORMAT, Database
from .durable import make_folder, move, naming
from .findings import Finding, Repair
from .guard import DAMAGED, DATABASE, LEDGER, Guard
from .locks import CLEANING, exclusive, shared_to_read
from .migrations import migrate_alone
from .reading import read_database
from .rebuild import diagnose, rebuild, renew_ledger
from .scratch import leftovers, remove, scratch
from .trust import Trust


def repair(
    root: Path,
    *,
    fix: bool,
    command: str,
    wait: float,
    environ: Mapping[str, str] = os.environ,
    on_remark: Callable[[str], None] = lambda _remark: None,
) -> list[Finding]:
    """Check the store in `root` and return its problems. `fix` also repairs them as far as possible.

    Raises BadInput if the store does not exist, and Locked while a command uses it. Raises Refused for a newer version
    and for foreign files, and with `fix` for a store that the user does not trust. `on_remark` receives remarks for the
    user.
    """
    guard = Guard(root, modes=False)  # the modes are checked below
    with ExitStack() as stack, naming(root):
        guard.require()
        trust = Trust(guard, environ)
        if fix:
            trust.demand()
        elif trust.remark:
            on_remark(trust.remark)
        ward = _StoreUnderRepair(guard)
        modes = list(ward.modes())  # before the lock, because locking closes the lock file to others
        stack.enter_context(_held(guard, fix=fix, command=command, wait=wait))
        found = _done([*modes, *ward.scratch()], fix=fix)
        folder = stack.enter_context(scratch(guard) if fix else _outside())
        found += _done(list(ward.database(folder)), fix=fix)
        path = folder / DATABASE if (folder / DATABASE).exists() else guard.control(DATABASE)
        if path.exists():
            database = stack.enter_context(closing(Database(path) if fix else read_database(path)))
            found += _done(Contents(guard, database, folder, ward.set_aside).repairs(), fix=fix)
    return found


def _held(guard: Guard, *, fix: bool, command: str, wait: float) -> AbstractContextManager[object]:
    """Lock the store. A check without `fix` only shares the lock, so it can run beside other commands."""
    if fix:
        return exclusive(guard, CLEANING, command=command, wait=wait)
    return shared_to_read(guard, CLEANING, wait=wait)


@contextmanager
def _outside() -> Iterator[Path]:
    """A temporary folder outside the store."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _done(repairs: Iterable[Repair], *, fix: bool) -> list[Finding]:
    """Collect the findings. With `fix`, each one is repaired before the next check."""
    found = []
    for finding, act in repairs:
        found.append(finding)
        if fix and finding.repairs:
            act()
    return found


class _StoreUnderRepair:
    """A store under repair."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._root = root = guard.root
        self._aside = root / DAMAGED / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"

    def modes(self) -> Iterator[Repair]:
        """Find paths that others can read or write.

        Files of targets and commands in `work` and `tmp` are skipped, because the folder above protects them.
        """
        inner = (path for path in self._root.glob("**/*") if not self._is_foreign(path))
        for path in (self._root, *inner):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o077 and not path.is_symlink():
                own = mode & 0o700
                finding = Finding("mode", self._name(path), f"open to others ({mode:o})", f"chmod {own:o}")
                yield Repair(finding, lambda path=path, own=own: path.chmod(own))  # type: ignore[misc]

    def scratch(self) -> Iterator[Repair]:
        for path in leftovers(self._guard):
            finding = Finding("scratch", self._name(path), "left by a process that died", "remove it")
            yield Repair(finding, lambda path=path: remove(path.parent, path.name))  # type: ignore[misc]

    def database(self, folder: Path) -> Iterator[Repair]:
        """Check the database and its ledger. Each of them can be rebuilt from the other."""
        path = self._root / DATABASE
        found = diagnose(path, folder)
        if found.database:
            count, unpinned = rebuild(path, folder / DATABASE)
            kept = f"move it to {self._name(self._aside)} and " if path.exists() else ""
            lost = f"; the recorded distributions of {unpinned} model versions are lost" if unpinned else ""
            finding = Finding("database", DATABASE, found.database, f"{kept}rebuild it with {count} records{lost}")
            yield Repair(finding, lambda: self._replace_database(folder))
        elif found.outdated:
            finding = Finding("database", DATABASE, "of an earlier format", f"migrate it to format {FORMAT}")
            yield Repair(finding, lambda: migrate_alone(self._guard))
        elif found.ledger:
            finding = Finding("ledger", LEDGER, found.ledger, "write it again from the database")
            yield Repair(finding, lambda: renew_ledger(path))

    def set_aside(self, path: Path) -> str:
        """Move a damaged file to the folder of damaged files. Returns its new name."""
        place = self._aside / path.relative_to(self._root)
        make_folder(place.parent)
        move(path, place)
        return self._name(place)

    def _replace_database(self, folder: Path) -> None:
        """Replace the database. If this is interrupted at any point, the ledger in place has all recovered records."""
        if (self._root / LEDGER).exists():
            make_folder(self._aside)
            shutil.copyfile(self._root / LEDGER, self._aside / LEDGER)
            (self._aside / LEDGER).chmod(0o600)
        move(folder / LEDGER, self._root / LEDGER)
        for name in (DATABASE, f"{DATABASE}-journal"):
            if (self._root / name).exists():
                self.set_aside(self._root / name)
        move(folder / DATABASE, self._root / DATABASE)

    def _is_foreign(self, path: Path) -> bool:
        parts = path.relative_to(self._root).parts
        return len(parts) > 1 and parts[0] in ("work", "tmp")

    def _name(self, path: Path) -> str:
        return str(path if path == self._root else path.relative_to(self._root))
