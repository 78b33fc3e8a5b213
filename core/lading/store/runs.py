"""The runs of `train`."""

from __future__ import annotations

import builtins
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import BadInput
from .codec import from_record, to_json
from .database import Database

if TYPE_CHECKING:
    from ..model import Run, TrackedRun

_INTERRUPTED = "interrupted: its process died"


class Runs:
    """All runs, by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, run: Run) -> None:
        """Save a run. A run with the same id is replaced."""
        with self._database.write():
            self._database.keep(
                "runs",
                "INSERT INTO runs (id, name, record) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record",
                (run.id, run.name, to_json(run)),
            )

    def get(self, id: str) -> Run | None:  # noqa: A002
        """The run with this id, or the only run whose id starts with it. None if there is none.

        If several ids match, raises BadInput with the ids in its message.
        """
        if not id:
            return None
        rows = self._database.read("SELECT id, record FROM runs WHERE substr(id, 1, ?) = ? ORDER BY id", len(id), id)
        ids = [row[0] for row in rows]
        exact = [row for row in rows if row[0] == id] or rows
        if len(exact) > 1:
            raise BadInput(f"several runs start with '{id}'", hint=f"name one of {', '.join(ids[:5])}")
        return _read(exact[0][1]) if exact else None

    def list(self, name: str | None = None) -> builtins.list[Run]:
        """The runs of this name, or all runs, newest first."""
        rows = self._database.read("SELECT record FROM runs WHERE name = coalesce(?, name) ORDER BY seq DESC", name)
        return [_read(record) for (record,) in rows]

    def running(self, name: str | None = None) -> builtins.list[Run]:
        """The runs of this name, or all runs, whose end is not recorded."""
        return self._where("state", "running", name)

    def interrupted(self, name: str) -> builtins.list[Run]:
        """The runs of this name whose process died."""
        return self._where("error", _INTERRUPTED, name)

    def of_model(self, sha256: str, name: str | None = None) -> Run | None:
        """The newest run of that name, or of any name, that gave a model of these bytes."""
        return next(reversed(self._where("model_sha256", sha256, name)), None)

    def interrupt(self, run: Run) -> None:
        """Record that the process of a run died."""
        self.save(replace(run, state="failed", ended=datetime.now(UTC), error=_INTERRUPTED))

    def _where(self, field: str, value: str, name: str | None) -> builtins.list[Run]:
        """The runs with this value. A record with NaN, which SQLite cannot search, is compared after it is read."""
        query = (
            "SELECT record FROM runs WHERE name = coalesce(?, name)"
            " AND CASE WHEN json_valid(record) THEN json_extract(record, ?) = ? ELSE 1 END ORDER BY seq"
        )
        found = (_read(record) for (record,) in self._database.read(query, name, f"$.{field}", value))
        return [run for run in found if getattr(run, field) == value]

    def add_tracked(self, id: str, tracked: TrackedRun) -> None:  # noqa: A002
        """Record where a tracker keeps a run, replacing an earlier record. Raises BadInput for an unknown run."""
        with self._database.write() as connection:
            row = connection.execute("SELECT record FROM runs WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise BadInput(f"no run '{id}'")
            run = _read(row[0])
            others = tuple(other for other in run.tracked if other.tracker != tracked.tracker)
            record = to_json(replace(run, tracked=(*others, tracked)))
            self._database.keep("runs", "UPDATE runs SET record = ? WHERE id = ?", (record, id))


def _read(record: str) -> Run:
    from ..model import Run  # a command that finds no run does not load it

    run: Run = from_record(Run, record)
    return run
