"""What the stages gave for the same inputs before."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Json
from .codec import from_record, to_json
from .database import Database, is_kept


class Reuse:
    """Outputs of stages by their keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> Json | None:
        """The output that was put under a key; None where there is none."""
        rows = self._database.read("SELECT output FROM reuse WHERE key = ?", key)
        return from_record(object, rows[0][0]) if rows else None

    def put(self, key: str, stage: str, output: Json) -> None:
        """Keep the output of a stage under a key, in place of what is there."""
        self.put_all([(key, stage, output)])

    def put_all(self, rows: Iterable[tuple[str, str, Json]]) -> None:
        """Keep several outputs, each with its key and stage, in one transaction."""
        encoded = [(key, stage, to_json(output)) for key, stage, output in rows]
        insert = "INSERT OR REPLACE INTO reuse VALUES (?, ?, ?)"
        with self._database.write() as connection:
            for row in encoded:
                if is_kept("reuse", row):
                    self._database.keep("reuse", insert, row)
                else:
                    connection.execute(insert, row)


class Recall:
    """What is remembered of the texts of manifests, for a command that only reads: it adds nothing.

    What a store that is not trusted remembers is not believed: its manifest could say something else.
    """

    def __init__(self, reuse: Reuse | None) -> None:
        self._reuse = reuse

    def get(self, key: str) -> Json | None:
        return None if self._reuse is None else self._reuse.get(key)

    def put(self, key: str, stage: str, output: Json) -> None:
        """Remember nothing."""
