"""The store as a whole: finding it, opening it, and its parts."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInput, LadingError, Refused
from .database import Database, create_database
from .digests import Digests
from .durable import make_folder, move, naming
from .files import Files
from .journal import Journal
from .locks import exclusive, shared
from .models import ModelVersions
from .names import lock_file, safe_name
from .packages import Packages
from .project import STORE_FOLDER, find_project
from .releases import Releases
from .reuse import Reuse
from .runs import Runs
from .scratch import scratch

if TYPE_CHECKING:
    from .garbage import Garbage

_DATABASE = "store.db"
_CLEANING = "store"
_CLEANING_SECONDS = 30.0  # how long others wait for `clean`, which renames under its lock and removes after it


def find_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> Path:
    """Where the store of a manifest lies: where `option` or `LADING_STORE` says, else beside the nearest folder above
    the manifest that looks like the root of a project, else beside the manifest. It need not exist.
    """
    named = option or environ.get("LADING_STORE")
    if named:
        return Path(named).absolute()
    return find_project(manifest) / STORE_FOLDER


class Store:
    """An open store. Its methods may be called from several threads, and by many processes at once.

    Everything in it raises Transient for what the operating system refuses (a full disk, a read-only file system),
    Refused for a damaged database, and Locked where other processes keep it busy.
    """

    def __init__(self, root: Path, database: Database) -> None:
        self.root = root
        self._database = database
        self.digests = Digests(root, database)
        self.files = Files(root, self.digests)
        self.runs = Runs(database)
        self.models = ModelVersions(root, database, self.files)
        self.packages = Packages(root, database, self.digests)
        self.releases = Releases(database)
        self.reuse = Reuse(database)
        self.journal = Journal(database)

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open the store in the folder `root`, or create it.

        Raises Refused where others can write to it, and where its database is damaged, of another version, or gone.
        """
        root = root.absolute()
        database = root / _DATABASE
        with naming(root):
            if not make_folder(root).is_dir():
                raise BadInput(f"{root} is not a folder", hint="name another store with --store")
            _refuse_shared(root, root)
            if not database.exists():
                _refuse_loss(root, database)
                _create(root, database)
            for path in root.iterdir():
                _refuse_shared(root, path)
        return cls(root, Database(database))

    def close(self) -> None:
        """Keep the digests that were learnt, and close the database."""
        with suppress(LadingError):  # without them the next command only takes longer
            self.digests.save()
        self._database.close()

    def lock(self, name: str, *, command: str, wait: float = 0.0) -> AbstractContextManager[str | None]:
        """Hold the lock of that name, which the kernel releases if this process dies; wait for it up to `wait` seconds.

        Gives who held it last, where that process died holding it. Raises Locked, with the holder named.
        """
        return exclusive(self._lock_file(name), name=name, command=command, wait=wait)

    def in_use(self) -> AbstractContextManager[None]:
        """Keep `clean` away from what is not recorded as needed yet; as many commands as like to hold this at once."""
        return shared(self._lock_file(_CLEANING), name=_CLEANING, wait=_CLEANING_SECONDS)

    def garbage(self, keep: int) -> list[Garbage]:
        """What nothing needs: no release that is up or pending, no registered model, no training's newest run, and
        none of the last `keep` packages that were up on each deployment.
        """
        from .garbage import Needs, find

        with self.in_use(), naming(self.root):
            return find(self.root, Needs(self._database, keep))

    def clean(self, keep: int, *, command: str, wait: float = 0.0) -> list[Garbage]:
        """Remove the garbage and say what it was. Raises Locked while another command uses the store."""
        from .garbage import Needs, find, forget

        with ExitStack() as stack, naming(self.root), self.lock(_CLEANING, command=command, wait=wait):
            needs = Needs(self._database, keep)
            found = find(self.root, needs)
            away = stack.enter_context(self.scratch())  # removed once the lock is free, or by a later command
            forget(self._database, needs)
            for number, item in enumerate(found):
                if item.path.exists():  # the scratch of dead processes is swept by now
                    item.path.rename(away / str(number))
        return found

    def _lock_file(self, name: str) -> Path:
        with naming(self.root):
            make_folder(self.root / "locks")
            return lock_file(self.root, name)

    def work(self, *parts: str) -> Path:
        """A private folder that lasts as long as the store, one for each sequence of parts, whatever is in them."""
        with naming(self.root):
            return make_folder(self.root.joinpath("work", *map(safe_name, parts)))

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty private folder, removed afterwards, or by a later command where this process dies."""
        return scratch(self.root / "tmp")


def _refuse_shared(root: Path, path: Path) -> None:
    """What is below is behind these doors; `lading repair` looks at all of it."""
    with suppress(FileNotFoundError):  # another command removed it
        if stat.S_IMODE(path.lstat().st_mode) & 0o022 and not path.is_symlink():
            raise Refused(f"others can write to {path}, and so choose what is deployed", hint=f"chmod -R go-rwx {root}")


def _refuse_loss(root: Path, database: Path) -> None:
    """An empty database beside what another one knew would number its models and releases anew."""
    if database.with_suffix(".ledger").exists() or any((root / "files").glob("*")):
        if database.exists():  # another process has just created it
            return
        raise Refused(
            f"{database} is missing, and the store holds what it knew of",
            hint="put a copy of it back, or let `lading repair` say what it can rebuild",
        )


def _create(root: Path, database: Path) -> None:
    """Put a whole database in its place; of several processes, the first one's."""
    with scratch(root / "tmp") as folder:
        create_database(folder / _DATABASE)
        door = os.open(root, os.O_RDONLY)
        try:
            fcntl.flock(door, fcntl.LOCK_EX)
            if not database.exists():
                # a journal whose database was moved away would be played into this one
                (root / f"{_DATABASE}-journal").unlink(missing_ok=True)
                _keep_out_of_git(root / ".gitignore")
                move(folder / _DATABASE, database)
        finally:
            os.close(door)


def _keep_out_of_git(file: Path) -> None:
    """Models do not belong in a repository."""
    file.write_text("*\n", encoding="utf-8")
    file.chmod(0o600)
