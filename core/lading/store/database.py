"""The SQLite database of a store: its tables, its transactions, and its failures as Lading errors."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, LadingError, Locked, Refused, Transient
from .durable import naming
from .recovery import is_at_rest, private_copy, refuse_foreign_journal

if TYPE_CHECKING:
    from .ledger import Ledger, Row

APPLICATION_ID = 0x4C414447  # "LADG"
FORMAT = 3
"""The current format of the store. `migrations.py` describes how to add one."""

KEPT = ("runs", "distributions", "models", "packages", "releases", "reuse")
"""The tables that the ledger copies."""

_BUSY_SECONDS = 30.0

_OPTIONS: Any = {"isolation_level": None, "check_same_thread": False}
SETTINGS = "PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA journal_mode=TRUNCATE;"
TABLES = """
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
CREATE UNIQUE INDEX one_canary ON releases (service, target) WHERE state = 'canary';
CREATE TABLE reuse (key TEXT PRIMARY KEY, stage TEXT NOT NULL, output TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, target TEXT NOT NULL, name TEXT NOT NULL,
    at TEXT NOT NULL, outcome TEXT);
CREATE INDEX open_intents ON journal (service, target) WHERE outcome IS NULL OR outcome = 'unknown';
CREATE TABLE digests (file TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
"""

_OUTSIDE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


class Damaged(Refused):
    """The file is not an intact database of Lading."""


class Outdated(Refused):
    """The database is intact but has an earlier format."""


class Database:
    """One connection for all threads of a process. A lock separates their transactions.

    The database uses a rollback journal, not a write-ahead log. So a command that only reads touches no other file: it
    creates and removes no `-wal` and `-shm`. A rollback journal also works on file systems without shared memory. The
    journal is truncated, not deleted, because SQLite then syncs it. A deleted journal could return after a power loss,
    and would then roll back a committed transaction.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        copied: Callable[[Path], AbstractContextManager[Path]] | None = None,
    ) -> None:
        """Open the database at `path`. If `copied` is given, open the private copy that it makes instead.

        Raises Refused unless the file is an intact database of this format, and Outdated for an earlier format.
        """
        self._path = path
        self._lock = threading.RLock()
        self._noted: list[Row] = []
        self._renewed = False
        self._closing = ExitStack()
        with naming(path), explained(path), ExitStack() as failing:
            refuse_foreign_journal(path)
            failing.push(self._closing)
            if copied is not None:
                self._connection = self._checked(self._closing.enter_context(copied(path)))
            elif read_only:
                self._connection = self._to_read()
            else:
                self._connection = self._checked(path, settings=SETTINGS)
            failing.pop_all()

    def close(self) -> None:
        with self._lock:
            self._closing.close()

    def read(self, query: str, *values: object) -> list[Any]:
        """Run a query and return its rows."""
        with self._lock, explained(self._path):
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:  # unknown table or column
                    self._refuse_other_format()
                raise

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction. It is on the disk when the block ends, and is rolled back if the block raises."""
        with self._lock, explained(self._path), transaction(self._connection):
            self._refuse_other_format()
            self._noted, self._renewed = [], False
            yield self._connection
            self._enter()

    def keep(self, table: str, statement: str, values: Sequence[object]) -> int:
        """Within `write`: change rows of a table and copy them to the ledger. Returns the number of changed rows."""
        rows = self._connection.execute(f"{statement} RETURNING *", values).fetchall()
        self._noted += [(table, *row) for row in rows]
        return len(rows)

    def renew_ledger(self) -> None:
        """Within `write`: rewrite the ledger from the tables when the transaction ends."""
        self._renewed = True

    def rows(self, table: str) -> list[Any]:
        """All rows of a table, with all columns."""
        return self.read(f"SELECT * FROM {table}")

    @property
    def ledger(self) -> Ledger:
        from .ledger import Ledger  # imported late: most commands write nothing

        return Ledger(self._path.with_suffix(".ledger"), FORMAT)

    def _refuse_other_format(self) -> None:
        """Raise Refused if another version of Lading has migrated the open database."""
        version = format_of(self._connection)
        if version != FORMAT:
            raise other_format(self._path, version)

    def _enter(self) -> None:
        """Add the changed rows to the ledger before the commit, so that each committed row is in both places."""
        if not (self._noted or self._renewed):
            return
        if self._renewed or not self.ledger.path.exists():
            self.ledger.rewrite(kept_rows(self._connection))
        else:
            self.ledger.append(self._noted)

    def _to_read(self) -> sqlite3.Connection:
        """A connection that changes no file: to an empty database, or to a copy if SQLite must recover it."""
        if not self._path.exists():
            nothing: sqlite3.Connection = self._closing.enter_context(closing(sqlite3.connect(":memory:", **_OPTIONS)))
            nothing.executescript(f"PRAGMA user_version={FORMAT}; {TABLES}")
            return nothing
        if is_at_rest(self._path):
            try:
                return self._checked(self._path, mode="ro")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                    raise
        return self._checked(self._closing.enter_context(private_copy(self._path)))

    def _checked(self, file: Path, *, mode: str = "rw", settings: str = "") -> sqlite3.Connection:
        """A connection to a file.

        Raises Refused unless it is an intact database of Lading; the check costs a few reads.
        """
        connection = self._closing.enter_context(closing(connect(file, mode)))
        connection.executescript(settings)
        connection.execute("BEGIN")  # keeps writers out, so that the size is that of a finished transaction
        names = ("application_id", "user_version", "page_count", "page_size")
        application, version, pages, page_size = (connection.execute(f"PRAGMA {n}").fetchone()[0] for n in names)
        whole = application == APPLICATION_ID and file.stat().st_size == pages * page_size
        connection.execute("COMMIT")
        if not whole:
            raise damaged(self._path)
        if 1 <= version < FORMAT:
            raise Outdated(f"{self._path} has format {version}, of an earlier version of lading")
        if version != FORMAT:
            raise other_format(self._path, version)
        if not is_made_by(TABLES, connection):
            raise damaged(self._path)
        return connection


def is_made_by(tables: str, connection: sqlite3.Connection) -> bool:
    """Whether exactly these statements made the database. An added view could run without end."""
    kept = "sql IS NOT NULL AND name <> 'sqlite_sequence'"
    rows = connection.execute(f"SELECT CAST(sql AS BLOB) FROM sqlite_master WHERE {kept}")
    return {statement for (statement,) in rows} == {text.strip().encode() for text in tables.split(";")} - {b""}


def format_of(connection: sqlite3.Connection) -> int:
    """The format that a database declares."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def other_format(path: Path, version: int) -> Refused:
    """The error for a file of the store in a format that this version of Lading does not know."""
    return Refused(
        f"{path} has format {version}, of another version of lading; this one reads format {FORMAT}",
        hint="use the lading that wrote it (`pip install --upgrade lading` gives the newest), or name another "
        "store with --store",
    )


def kept_rows(connection: sqlite3.Connection) -> Iterator[Row]:
    """The rows of a database that belong in the ledger, each preceded by the name of its table."""
    for table in KEPT:
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
        yield from ((table, *row) for row in rows if is_kept(table, row))


def is_kept(table: str, row: Sequence[object]) -> bool:
    """Whether the ledger keeps a row. Cached results of reading manifests are not kept: to read again is as fast."""
    return table != "reuse" or row[1] not in ("check", "document")


def create_database(path: Path) -> None:
    """Create a database. `path` must not exist. The database is on the disk on return."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    path.chmod(0o600)
    with explained(path):
        connection = connect(path)
        try:
            pragmas = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT};"
            connection.executescript(f"{SETTINGS} BEGIN IMMEDIATE; {pragmas} {TABLES} COMMIT;")
        finally:
            connection.close()


def connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """A connection to an existing file, without any checks."""
    address = f"{path.as_uri()}?mode={mode}"  # does not create the file
    connection: sqlite3.Connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, **_OPTIONS)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that keeps other writers out, and is rolled back if the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise Lading errors in place of SQLite errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except UnicodeDecodeError as error:  # SQLite's message contains a damaged name
        raise damaged(path) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise BadInput(f"the store cannot hold such a name or number: {error}") from error


def explain(error: sqlite3.Error, path: Path) -> LadingError | sqlite3.Error:
    """The Lading error for an SQLite error. An SQLite error that shows a bug is returned unchanged."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary error code
    if code == sqlite3.SQLITE_BUSY:
        return Locked(f"{path} has been busy for {_BUSY_SECONDS:.0f} s", hint="run the same command again")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "decode to UTF-8" in str(error):
        return damaged(path)
    if code in _OUTSIDE:
        return Transient(f"{path}: {error}", hint="free space or make it writable, then run the same command again")
    return error


def damaged(path: Path) -> Damaged:
    """The error for a file that is not an intact database of Lading."""
    return Damaged(
        f"{path} is damaged, or is not a store of Lading",
        hint="restore a copy of it, or run `lading repair` to see what it can rebuild",
    )
