"""The journal of external effects. Each is recorded before it happens, and settled when its outcome is known."""

from __future__ import annotations

import builtins
import sqlite3
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from .database import Database

_OPEN = "service = ? AND target = ? AND (outcome IS NULL OR outcome = 'unknown')"


class Intent(NamedTuple):
    """An external effect that may or may not have happened.

    `name` identifies the effect at the target. `at` is the time when it was recorded.
    """

    id: int
    service: str
    target: str
    name: str
    at: datetime


class Journal:
    """The intents of all deployments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, service: str, target: str, name: str) -> int:
        """Record an effect before it happens. Returns the id of the record."""
        with self._database.write() as connection:
            noted = connection.execute(
                "INSERT INTO journal (service, target, name, at) VALUES (?, ?, ?, ?)",
                (service, target, name, datetime.now(UTC).isoformat()),
            )
            assert noted.lastrowid is not None
            return noted.lastrowid

    def settle(self, id: int, outcome: Literal["done", "failed", "unknown"]) -> None:  # noqa: A002
        """Record the outcome of an effect."""
        with self._database.write() as connection:
            connection.execute("UPDATE journal SET outcome = ? WHERE id = ?", (outcome, id))

    def settle_all(self, service: str, target: str, outcome: Literal["done", "failed"]) -> None:
        """Record the outcome of all open effects of a deployment."""
        with self._database.write() as connection:
            settle_open(connection, service, target, outcome)

    def open(self, service: str, target: str) -> builtins.list[Intent]:
        """The effects of a deployment with an unknown outcome, oldest first."""
        rows = self._database.read(f"SELECT id, name, at FROM journal WHERE {_OPEN} ORDER BY id", service, target)
        return [Intent(number, service, target, name, datetime.fromisoformat(at)) for number, name, at in rows]


def settle_open(connection: sqlite3.Connection, service: str, target: str, outcome: str) -> None:
    """Within a transaction: record the outcome of all open effects of a deployment."""
    connection.execute(f"UPDATE journal SET outcome = ? WHERE {_OPEN}", (outcome, service, target))
