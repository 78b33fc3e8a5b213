"""The store: opening it, and its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LadingError, Refused
from .database import Database, Outdated, create_database
from .digests import Digests
from .durable import make_folder, move, naming, replace_file
from .files import Files
from .guard import DATABASE, FILES, ID, IGNORE, LEDGER, Guard
from .journal import Journal
from .locks import CLEANING, CLEANING_SECONDS, Holder, exclusive, holder, locked_folder, shared
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
    from .plots import Plots
    from .reuse import Recall


class Store:
    """An open store. Several threads and many processes may use it at once.

    All methods raise Transient for errors of the operating system, such as a full disk or a read-only file system.
    They raise Refused for a damaged database, and Locked if other processes keep the store busy.
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
        """A remark about this store for the user, valid while it is open."""

    @cached_property
    def plots(self) -> Plots:
        """The plots of evaluations."""
        from .plots import Plots  # a deploy with nothing to do has no use for it

        return Plots(self.guard, self.reuse)

    @classmethod
    def open(cls, root: Path, environ: Mapping[str, str] = os.environ) -> Store:
        """Open the store in the folder `root`, or create it. An earlier format is migrated first.

        Raises Refused if the user does not trust the store, if it holds foreign files, or if others can write to it.
        Raises Refused also if its database is damaged, missing, or of a newer version. Raises Locked if the store must
        be migrated while other commands use it.
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
        return cls(guard, _newest(guard))

    def demand_trust(self) -> None:
        """Raise Refused if the user does not trust the store. A store that is open for writing is always trusted."""

    @property
    def memory(self) -> Reuse | Recall:
        """Cached results of reading manifests."""
        return self.reuse

    def close(self) -> None:
        """Save the new digests and close the database."""
        try:
            with suppress(LadingError):  # without the digests, the next command is only slower
                self.digests.save()
        finally:
            self._database.close()

    def lock(self, name: str, *, command: str, wait: float = 0.0) -> AbstractContextManager[str | None]:
        """Hold a lock exclusively; wait for it up to `wait` seconds. The kernel releases it if this process dies.

        Yields the last holder if that process died while it held the lock. Raises Locked with the holder in its
        message.
        """
        return exclusive(self.guard, name, command=command, wait=wait)

    def holder(self, name: str) -> Holder | None:
        """The process that holds a lock; None if nobody does."""
        return holder(self.guard, name)

    def in_use(self) -> AbstractContextManager[None]:
        """Prevent `clean` from removing data whose use is not recorded yet.

        Any number of commands can hold this at once.
        """
        return shared(self.guard, CLEANING, wait=CLEANING_SECONDS)

    def garbage(self, keep: int) -> list[Garbage]:
        """Unused data in the store.

        In use are releases that are up or pending, registered models and the newest run of each training. The last
        `keep` packages that were up on each deployment are in use too.
        """
        from .garbage import Needed, find

        with self.in_use(), naming(self.root):
            return find(self.guard, Needed(self._database, keep))

    def clean(self, keep: int, *, command: str, wait: float = 0.0) -> list[Garbage]:
        """Remove the unused data and return its list. Raises Locked while another command uses the store."""
        from .garbage import Needed, find, forget

        with ExitStack() as stack, naming(self.root), self.lock(CLEANING, command=command, wait=wait):
            needed = Needed(self._database, keep)
            found = find(self.guard, needed)
            away = stack.enter_context(self.scratch())  # removed after the lock is released, or by a later command
            forget(self._database, needed)
            for number, item in enumerate(found):
                if item.path.exists():  # scratch folders of dead processes are already removed
                    item.path.rename(away / str(number))
        return found

    def work(self, *parts: str) -> Path:
        """A private folder that lasts as long as the store. Each sequence of parts has one; parts may be any text."""
        with naming(self.root):
            return make_folder(self.guard.work(*map(safe_name, parts)))

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty private folder, removed afterwards. If this process dies, a later command removes it."""
        return scratch(self.guard)


def _newest(guard: Guard) -> Database:
    """Open the database. An earlier format is migrated first."""
    path = guard.control(DATABASE)
    try:
        return Database(path)
    except Outdated:
        from .migrations import migrate  # imported late: other commands do not need it

        migrate(guard)
        return Database(path)


def _adopt(guard: Guard, trust: Trust) -> None:
    """Trust a new store. Its folder is still empty, because this user is just creating it."""
    with locked_folder(guard.root):
        found = {path.name for path in guard.root.iterdir()}
        if not trust.holds() and found <= {f"{ID}.part"}:
            trust.grant()


def refuse_loss(guard: Guard) -> None:
    """Raise Refused if the database is missing although the store holds files.

    An empty database in its place would number the models and releases from 1 again.
    """
    database = guard.control(DATABASE)
    if guard.control(LEDGER).exists() or any(guard.folder(FILES).glob("*")):
        if database.exists():  # another process has just created it
            return
        raise Refused(
            f"{database} is missing, but the store has files that it recorded",
            hint="restore a copy of it, or run `lading repair` to see what it can rebuild",
        )


def _create(guard: Guard) -> None:
    """Create the database. If several processes do so at once, the first one's is kept."""
    database = guard.control(DATABASE)
    with scratch(guard) as folder:
        create_database(folder / DATABASE)
        with locked_folder(guard.root):
            if not database.exists():
                # SQLite would apply the journal of a removed database to this one
                guard.control(f"{DATABASE}-journal").unlink(missing_ok=True)
                replace_file(guard.control(IGNORE), b"*\n")  # models do not belong in a repository
                move(folder / DATABASE, database)
