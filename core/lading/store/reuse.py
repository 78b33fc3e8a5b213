"""The outputs of stages, for reuse with the same inputs."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Json
from .codec import from_record, to_json
from .database import Database, is_kept

INSPECTED = "inspect"
TRAINED = ("train", INSPECTED)
"""The stages whose outputs name a model and a list of distributions."""
PACKAGED = "package"
"""The stage whose outputs name a package."""


class Reuse:
    """Outputs of stages by their keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> Json | None:
        """The output under a key. None if there is none."""
        rows = self._database.read("SELECT output FROM reuse WHERE key = ?", key)
        return from_record(object, rows[0][0]) if rows else None

    def put(self, key: str, stage: str, output: Json) -> None:
        """Store the output of a stage under a key, replacing an earlier one."""
        self.put_all([(key, stage, output)])

    def put_all(self, rows: Iterable[tuple[str, str, Json]]) -> None:
        """Store several outputs in one transaction. Each has a key and a stage."""
        encoded = [(key, stage, to_json(output)) for key, stage, output in rows]
        insert = "INSERT OR REPLACE INTO reuse VALUES (?, ?, ?)"
        with self._database.write() as connection:
            for row in encoded:
                if is_kept("reuse", row):
                    self._database.keep("reuse", insert, row)
                else:
                    connection.execute(insert, row)


class Recall:
    """Cached results of reading manifests, for a command that only reads. It adds nothing.

    The cache of an untrusted store is not used, because it may not match the manifest.
    """

    def __init__(self, reuse: Reuse | None) -> None:
        self._reuse = reuse

    def get(self, key: str) -> Json | None:
        return None if self._reuse is None else self._reuse.get(key)

    def put(self, key: str, stage: str, output: Json) -> None:
        """Do nothing."""
