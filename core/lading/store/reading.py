"""A store that is only read: no file is created or changed by it, wherever it lies and whatever it lacks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from .database import Database
from .durable import naming
from .guard import DATABASE, Guard
from .locks import shared_to_read
from .names import safe_name
from .reuse import Recall
from .store import CLEANING, CLEANING_SECONDS, Store, refuse_loss
from .trust import Trust


class StoreToRead(Store):
    """A store that is only read. It may be absent: then it is empty, and its `remark` says so.

    It may also be one that the user does not trust: then too its `remark` says so, and `demand_trust` raises Refused.
    """

    def __init__(self, guard: Guard, database: Database, trust: Trust) -> None:
        super().__init__(guard, database)
        self._trust = trust
        self._closing = ExitStack()
        self._empty: Path | None = None

    @classmethod
    def read(cls, root: Path, environ: Mapping[str, str] = os.environ) -> StoreToRead:
        """Look at the store in the folder `root`.

        Raises Refused if something foreign is in it or others can write to it, and if its database is damaged or of
        another version.
        """
        guard = Guard(root.absolute())
        with naming(guard.root):
            exists = guard.check() and guard.control(DATABASE).exists()
            if not exists:
                refuse_loss(guard)
            trust = Trust(guard, environ)
            store = cls(guard, Database(guard.control(DATABASE), read_only=True), trust)
            store.remark = trust.remark if exists else f"there is no store in {guard.root} yet"
        return store

    def demand_trust(self) -> None:
        """Raise Refused for a store that the user does not trust."""
        if self.guard.check():
            self._trust.demand()

    @property
    def memory(self) -> Recall:
        return Recall(self.reuse if self._trust.holds() else None)

    def in_use(self) -> AbstractContextManager[None]:
        return shared_to_read(self.guard, CLEANING, wait=CLEANING_SECONDS)

    def work(self, *parts: str) -> Path:
        """The folder of these parts, or an empty one outside the store that is removed afterwards."""
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
