"""Earlier formats of the store, and the steps from each to the next.

To add a format, change four places:

1. Append a `Step` to `STEPS`: the tables as they are today, word for word, and a function that changes them. Increase
`FORMAT` by one and change `TABLES` in `database.py`. After the step, SQLite must hold exactly the statements of
`TABLES`. `ALTER TABLE` alone leaves a different text. So rename a table, drop its indexes, create the new one, copy
the rows and drop the renamed one.
2. A new field of a stored record (`Run`, `ModelVersion`, `Release`, `Distribution`) needs a step too, even if it has a
default. An older version of Lading would report the record as damaged. The step may then change nothing.
3. A step runs in the caller's transaction and cannot end it. It may also get an incomplete database, from a damaged
store or an old ledger. So it must not require any row.
4. Add a store of the old format to `tests/core/store/stored`. `test_store_migrations.py` reads each of them.

All steps run in one transaction, so the disk never holds a format in between.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import LadingError, Locked
from .codec import to_json
from .database import (
    FORMAT,
    KEPT,
    SETTINGS,
    TABLES,
    Database,
    Outdated,
    connect,
    damaged,
    explain,
    format_of,
    is_made_by,
    kept_rows,
    other_format,
    transaction,
)
from .digests import digest_of
from .durable import make_folder, move, naming, replace_file
from .guard import BACKUPS, DATABASE, LEDGER, Guard
from .ledger import Ledger, Row
from .locks import CLEANING, CLEANING_SECONDS, POLL_SECONDS, exclusive
from .names import backup_name
from .recovery import private_copy
from .scratch import scratch


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step from one format to the next: the old tables, and a function that changes a database with them."""

    tables: str
    change: Callable[[sqlite3.Connection], None]


def _identify_releases(connection: sqlite3.Connection) -> None:
    """Give each release an id.

    The id is computed from the record, so that the database, its ledger and each copy get the same one. The start time
    has microseconds, so it distinguishes the release from releases of other stores.
    """
    for seq, text in connection.execute("SELECT seq, record FROM releases").fetchall():
        record = json.loads(text)
        if isinstance(record, dict):  # a damaged store may hold any JSON here
            record["id"] = digest_of([record.get(name) for name in ("service", "target", "number", "started")])[:16]
            connection.execute("UPDATE releases SET record = ? WHERE seq = ?", (to_json(record), seq))


_FORMAT_1 = """
CREATE TABLE runs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX runs_by_name ON runs (name);
CREATE TABLE distributions (sha256 TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    seq INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, content TEXT NOT NULL,
    distributions TEXT NOT NULL, record TEXT NOT NULL,
    UNIQUE (name, version), UNIQUE (name, content));
CREATE TABLE packages (digest TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE releases (
    seq INTEGER PRIMARY KEY, service TEXT NOT NULL, target TEXT NOT NULL, number INTEGER NOT NULL,
    state TEXT NOT NULL, record TEXT NOT NULL, UNIQUE (service, target, number));
CREATE UNIQUE INDEX one_release_up ON releases (service, target) WHERE state = 'up';
CREATE TABLE reuse (key TEXT PRIMARY KEY, stage TEXT NOT NULL, output TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, target TEXT NOT NULL, name TEXT NOT NULL,
    at TEXT NOT NULL, outcome TEXT);
CREATE INDEX open_intents ON journal (service, target) WHERE outcome IS NULL OR outcome = 'unknown';
CREATE TABLE digests (file TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
"""

_FORMAT_2 = _FORMAT_1  # only the records differ


def _allow_one_canary(connection: sqlite3.Connection) -> None:
    """Allow at most one canary for each deployment. No release of an earlier format is one."""
    connection.execute("CREATE UNIQUE INDEX one_canary ON releases (service, target) WHERE state = 'canary'")


STEPS: tuple[Step, ...] = (
    Step(tables=_FORMAT_1, change=_identify_releases),
    Step(tables=_FORMAT_2, change=_allow_one_canary),
)
"""`STEPS[n - 1]` leads from format n to format n + 1."""

_UNFIT = (sqlite3.Error, OverflowError, ValueError, TypeError, RecursionError)
"""Errors for a row with another shape, a value that SQLite cannot store, and a record that no step can read."""


def migrate(guard: Guard) -> None:
    """Migrate the database of a store to the current format while no other command uses the store.

    If several processes start at once, the first one migrates and the others wait. Raises Locked if other commands use
    the store for too long.
    """
    path, end = guard.control(DATABASE), time.monotonic() + CLEANING_SECONDS
    while is_outdated(path):
        try:
            with exclusive(guard, CLEANING, command="migration of the store", wait=0.0):
                migrate_alone(guard)
        except Locked as error:
            if time.monotonic() >= end:
                message = f"{path} must be migrated to format {FORMAT}, and other commands use the store"
                raise Locked(message, hint="wait until they have finished, then run the same command again") from error
            time.sleep(POLL_SECONDS)


def migrate_alone(guard: Guard) -> None:
    """Like `migrate`, but the caller must already hold the lock of the store."""
    path = guard.control(DATABASE)
    ledger = Ledger(guard.control(LEDGER), FORMAT)
    with scratch(guard) as folder, _understood(path), closing(connect(path)) as connection:
        connection.executescript(SETTINGS)
        with transaction(connection):
            version = format_of(connection)
            if version < FORMAT:  # another process may have migrated it
                _back_up(guard, folder, connection, version)
                _upgrade(connection, path, version)
                ledger.rewrite(kept_rows(connection))


def is_outdated(path: Path) -> bool:
    """Whether a database has an earlier format."""
    try:
        Database(path, read_only=True).close()
    except Outdated:
        return True
    return False


@contextmanager
def migrated_copy(path: Path) -> Iterator[Path]:
    """A private copy of a database in the current format."""
    with private_copy(path) as copy:
        with _understood(path), closing(connect(copy)) as connection, transaction(connection):
            _upgrade(connection, path, format_of(connection))
        yield copy


def upgraded(path: Path, version: int, rows: list[Row]) -> list[Row]:
    """Convert rows of the file `path` to the current format. Raises Refused for an unknown format."""
    if version == FORMAT:
        return rows
    if not 1 <= version < FORMAT:
        raise other_format(path, version)
    with _understood(path), closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(STEPS[version - 1].tables)
        for row in rows:
            put_row(connection, row)
        with transaction(connection):
            _upgrade(connection, path, version)
        return list(kept_rows(connection))


def put_row(connection: sqlite3.Connection, row: Row) -> None:
    """Insert a row of the ledger into its table. A row that does not fit, or whose record is not JSON, is skipped."""
    table, *values = row
    if table in KEPT and values:
        marks = ", ".join("?" * len(values))
        with suppress(*_UNFIT):
            json.loads(values[-1])
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)


def _upgrade(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Within a transaction: migrate the tables of a database. Raises Damaged if they are not those of its format."""
    for step in STEPS[version - 1 :]:
        _require_tables(step.tables, connection, path)
        with _kept_open(connection):
            step.change(connection)
    _require_tables(TABLES, connection, path)
    connection.execute(f"PRAGMA user_version={FORMAT}")


def _require_tables(tables: str, connection: sqlite3.Connection, path: Path) -> None:
    if not is_made_by(tables, connection):
        raise damaged(path)


@contextmanager
def _kept_open(connection: sqlite3.Connection) -> Iterator[None]:
    """Prevent a step from ending the transaction, as `executescript` would."""

    def authorize(action: int, *_names: str | None) -> int:
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_OK

    connection.set_authorizer(authorize)
    try:
        yield
    finally:
        connection.set_authorizer(None)


def _back_up(guard: Guard, folder: Path, connection: sqlite3.Connection, version: int) -> None:
    """Copy the database and its ledger before they change.

    The database is read through the connection: opening the file here would release SQLite's locks on it.
    """
    files = {DATABASE: connection.serialize()}
    with suppress(FileNotFoundError):
        files[LEDGER] = guard.control(LEDGER).read_bytes()
    make_folder(guard.folder(BACKUPS))
    for name, data in files.items():
        place = guard.control(BACKUPS, backup_name(name, version))
        with naming(place):
            replace_file(folder / name, data)
            move(folder / name, place)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Raise Damaged for a row that a step cannot read, and Lading errors for errors of the system."""
    try:
        with naming(path):
            yield
    except sqlite3.Error as error:
        found = explain(error, path)
        raise found if isinstance(found, LadingError) else damaged(path) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise damaged(path) from error
