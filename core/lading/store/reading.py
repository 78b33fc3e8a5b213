"""A store that is only read. No file is created or changed, even if the store is incomplete."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from .database import Database, Outdated
from .durable import naming
from .guard import DATABASE, Guard
from .locks import CLEANING, CLEANING_SECONDS, shared_to_read
from .names import safe_name
from .reuse import Recall
from .store import Store, refuse_loss
from .trust import Trust


class StoreToRead(Store):
    """A store that is only read. A missing store counts as empty, and `remark` then says so.

    `remark` also says if the user does not trust the store. `demand_trust` then raises Refused.
    """

    def __init__(self, guard: Guard, database: Database, trust: Trust) -> None:
        super().__init__(guard, database)
        self._trust = trust
        self._closing = ExitStack()
        self._empty: Path | None = None

    @classmethod
    def read(cls, root: Path, environ: Mapping[str, str] = os.environ) -> StoreToRead:
        """Read the store in the folder `root`.

        Raises Refused if the store holds foreign files, if others can write to it, or if its database is damaged or
        newer than this version. A store of an earlier format is read through a migrated copy.
        """
        guard = Guard(root.absolute())
        with naming(guard.root):
            exists = guard.check() and guard.control(DATABASE).exists()
            if not exists:
                refuse_loss(guard)
            trust = Trust(guard, environ)
            store = cls(guard, read_database(guard.control(DATABASE)), trust)
            store.remark = trust.remark if exists else f"{guard.root} has no store yet"
        return store

    def demand_trust(self) -> None:
        """Raise Refused if the user does not trust the store."""
        if self.guard.check():
            self._trust.demand()

    @property
    def memory(self) -> Recall:
        return Recall(self.reuse if self._trust.holds() else None)

    def in_use(self) -> AbstractContextManager[None]:
        return shared_to_read(self.guard, CLEANING, wait=CLEANING_SECONDS)

    def work(self, *parts: str) -> Path:
        """The work folder of these parts. If there is none, an empty temporary folder outside the store."""
        with naming(self.root):
            folder = self.guard.work(*map(safe_name, parts))
            return folder if folder.is_dir() else self._nowhere()

    def close(self) -> None:
        self._closing.close()
        self._database.close()

    def _nowhere(self) -> Path:
        if self._empty is None:
            from tempfile import TemporaryDirectory

            self._empty = Path(self._closing.enter_context(TemporaryDirectory()))
        return self._empty


def read_database(path: Path) -> Database:
    """Open a database for reading. An earlier format is read through a private, migrated copy."""
    try:
        return Database(path, read_only=True)
    except Outdated:
        from .migrations import migrated_copy  # imported late: other commands do not need it

        return Database(path, read_only=True, copied=migrated_copy)
