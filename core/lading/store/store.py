"""The store as a whole: opening it, and its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LadingError, Refused
from .database import Database, create_database
from .digests import Digests
from .durable import make_folder, move, naming, replace_file
from .files import Files
from .guard import DATABASE, FILES, ID, IGNORE, LEDGER, Guard
from .journal import Journal
from .locks import exclusive, locked_folder, shared
from .models import ModelVersions
from .names import safe_name
from .packages import Packages
from .releases import Releases
from .reuse import Reuse
from .runs import Runs
from .scratch import scratch
from .trust import Trust

if TYPE_CHECKING:
    from .garbage import Garbage
    from .reuse import Recall

CLEANING = "store"
CLEANING_SECONDS = 30.0  # how long others wait for `clean`, which renames under its lock and removes after it


class Store:
    """An open store. Its methods may be called from several threads, and by many processes at once.

    Everything in it raises Transient for what the operating system refuses (a full disk, a read-only file system),
    Refused for a damaged database, and Locked where other processes keep it busy.
    """

    def __init__(self, guard: Guard, database: Database) -> None:
        self.root = guard.root
        self.guard = guard
        self._database = database
        self.digests = Digests(self.root, database)
        self.files = Files(guard, self.digests)
        self.runs = Runs(database)
        self.models = ModelVersions(guard, database, self.files)
        self.packages = Packages(guard, database, self.digests)
        self.releases = Releases(database)
        self.reuse = Reuse(database)
        self.journal = Journal(database)
        self.remark = ""
        """What the user should know of this store, as long as it is open."""

    @classmethod
    def open(cls, root: Path, environ: Mapping[str, str] = os.environ) -> Store:
        """Open the store in the folder `root`, or create it.

        Raises Refused if the user does not trust it, if something foreign is in it or others can write to it, and if
        its database is damaged, of another version, or gone.
        """
        guard = Guard(root.absolute())
        with naming(guard.root):
            if not guard.check():
                make_folder(guard.root)
            trust = Trust(guard, environ)
            if not trust.holds():
                _adopt(guard, trust)
            trust.demand()
            if not guard.control(DATABASE).exists():
                refuse_loss(guard)
                _create(guard)
        return cls(guard, Database(guard.control(DATABASE)))

    def demand_trust(self) -> None:
        """Raise Refused for a store that the user does not trust, which one that is open to be changed never is."""

    @property
    def memory(self) -> Reuse | Recall:
        """What is remembered of the texts of manifests."""
        return self.reuse

    def close(self) -> None:
        """Keep the digests that were learnt, and close the database."""
        with suppress(LadingError):  # without them the next command only takes longer
            self.digests.save()
        self._database.close()

    def lock(self, name: str, *, command: str, wait: float = 0.0) -> AbstractContextManager[str | None]:
        """Hold the lock of that name, which the kernel releases if this process dies; wait for it up to `wait` seconds.

        Gives who held it last, where that process died holding it. Raises Locked, with the holder named.
        """
        return exclusive(self.guard, name, command=command, wait=wait)

    def in_use(self) -> AbstractContextManager[None]:
        """Keep `clean` away from what is not recorded as needed yet; as many commands as like to hold this at once."""
        return shared(self.guard, CLEANING, wait=CLEANING_SECONDS)

    def garbage(self, keep: int) -> list[Garbage]:
        """What nothing needs: no release that is up or pending, no registered model, no training's newest run, and
        none of the last `keep` packages that were up on each deployment.
        """
        from .garbage import Needs, find

        with self.in_use(), naming(self.root):
            return find(self.guard, Needs(self._database, keep))

    def clean(self, keep: int, *, command: str, wait: float = 0.0) -> list[Garbage]:
        """Remove the garbage and say what it was. Raises Locked while another command uses the store."""
        from .garbage import Needs, find, forget

        with ExitStack() as stack, naming(self.root), self.lock(CLEANING, command=command, wait=wait):
            needs = Needs(self._database, keep)
            found = find(self.guard, needs)
            away = stack.enter_context(self.scratch())  # removed once the lock is free, or by a later command
            forget(self._database, needs)
            for number, item in enumerate(found):
                if item.path.exists():  # the scratch of dead processes is swept by now
                    item.path.rename(away / str(number))
        return found

    def work(self, *parts: str) -> Path:
        """A private folder that lasts as long as the store, one for each sequence of parts, whatever is in them."""
        with naming(self.root):
            return make_folder(self.guard.work(*map(safe_name, parts)))

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty private folder, removed afterwards, or by a later command if this process dies."""
        return scratch(self.guard)


def _adopt(guard: Guard, trust: Trust) -> None:
    """Trust a store that this process, or another of the user, is about to create: its folder is still empty."""
    with locked_folder(guard.root):
        found = {path.name for path in guard.root.iterdir()}
        if not trust.holds() and found <= {f"{ID}.part"}:
            trust.grant()


def refuse_loss(guard: Guard) -> None:
    """Raise Refused if the database is gone while the store holds what it knew of.

    An empty one in its place would number the models and releases again from 1.
    """
    database = guard.control(DATABASE)
    if guard.control(LEDGER).exists() or any(guard.folder(FILES).glob("*")):
        if database.exists():  # another process has just created it
            return
        raise Refused(
            f"{database} is missing, and the store holds what it knew of",
            hint="put a copy of it back, or let `lading repair` say what it can rebuild",
        )


def _create(guard: Guard) -> None:
    """Put a whole database in its place; of several processes, the first one's."""
    database = guard.control(DATABASE)
    with scratch(guard) as folder:
        create_database(folder / DATABASE)
        with locked_folder(guard.root):
            if not database.exists():
                # a journal whose database was moved away would be played into this one
                guard.control(f"{DATABASE}-journal").unlink(missing_ok=True)
                replace_file(guard.control(IGNORE), b"*\n")  # models do not belong in a repository
                move(folder / DATABASE, database)
