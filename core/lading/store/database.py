"""The one SQLite database of a store: its tables, its transactions, and its failures as errors of ours."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, LadingError, Locked, Refused, Transient
from .durable import naming
from .recovery import is_at_rest, private_copy, refuse_foreign_journal

if TYPE_CHECKING:
    from .ledger import Ledger, Row

APPLICATION_ID = 0x4C414447  # "LADG"
FORMAT = 1
KEPT = ("runs", "distributions", "models", "packages", "releases", "reuse")
"""The tables that the ledger has a second time."""

_BUSY_SECONDS = 30.0

_OPTIONS: Any = {"isolation_level": None, "check_same_thread": False}
_SETTINGS = "PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA journal_mode=TRUNCATE;"
_TABLES = """
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

_EXPECTED = {statement.strip().encode() for statement in _TABLES.split(";")} - {b""}
_OUTSIDE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


class Damaged(Refused):
    """The file is not a whole database of ours."""


class Database:
    """One connection, for all threads of a process; a lock of its own keeps their transactions apart.

    A rollback journal and not a write-ahead log: reading touches nothing but the one file, so that a command with
    nothing to do leaves no `-wal` and `-shm` to create, checkpoint and remove, and file systems without shared memory
    will do. The journal is truncated and not deleted, because SQLite then syncs it, and a transaction that was
    acknowledged is not rolled back by a journal that a power loss brought back.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._noted: list[Row] = []
        self._renewed = False
        self._closing = ExitStack()
        with naming(path), _explained(path), ExitStack() as failing:
            refuse_foreign_journal(path)
            failing.push(self._closing)
            if read_only:
                self._connection = self._to_read()
            else:
                self._connection = self._checked(path, settings=_SETTINGS)
            failing.pop_all()

    def close(self) -> None:
        with self._lock:
            self._closing.close()

    def read(self, query: str, *values: object) -> list[Any]:
        """The rows that a query gives."""
        with self._lock, _explained(self._path):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on the disk once the block ends, and has not happened if it raises."""
        with self._lock, _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            self._noted, self._renewed = [], False
            try:
                yield self._connection
                self._enter()
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def keep(self, table: str, statement: str, values: Sequence[object]) -> int:
        """Within `write`, change rows of a table and have them noted in the ledger; returns how many they are."""
        rows = self._connection.execute(f"{statement} RETURNING *", values).fetchall()
        self._noted += [(table, *row) for row in rows]
        return len(rows)

    def renew_ledger(self) -> None:
        """Within `write`, have the ledger say what is in the tables by then, and nothing else."""
        self._renewed = True

    def rows(self, table: str) -> list[Any]:
        """All rows of a table, whole."""
        return self.read(f"SELECT * FROM {table}")

    @property
    def ledger(self) -> Ledger:
        from .ledger import Ledger  # most commands write nothing

        return Ledger(self._path.with_suffix(".ledger"))

    def _enter(self) -> None:
        """Note the rows of this transaction before they are committed: what was acknowledged is in both places."""
        if not (self._noted or self._renewed):
            return
        if self._renewed or not self.ledger.path.exists():
            self.ledger.rewrite((table, *row) for table in KEPT for row in self.rows(table) if is_kept(table, row))
        else:
            self.ledger.append(self._noted)

    def _to_read(self) -> sqlite3.Connection:
        """A connection that changes no file: without one to nothing, to a private copy if SQLite must recover it."""
        if not self._path.exists():
            nothing: sqlite3.Connection = self._closing.enter_context(closing(sqlite3.connect(":memory:", **_OPTIONS)))
            nothing.executescript(_TABLES)
            return nothing
        if is_at_rest(self._path):
            try:
                return self._checked(self._path, mode="ro")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                    raise
        return self._checked(self._closing.enter_context(private_copy(self._path)))

    def _checked(self, file: Path, *, mode: str = "rw", settings: str = "") -> sqlite3.Connection:
        """A connection to a file. Raises Refused unless it is a whole database of ours, at the price of a few reads."""
        connection = self._closing.enter_context(closing(_connect(file, mode)))
        connection.executescript(settings)
        connection.execute("BEGIN")  # holds writers off, so that the size is that of a finished transaction
        names = ("application_id", "user_version", "page_count", "page_size")
        application, version, pages, page_size = (connection.execute(f"PRAGMA {n}").fetchone()[0] for n in names)
        whole = application == APPLICATION_ID and file.stat().st_size == pages * page_size
        connection.execute("COMMIT")
        if not whole:
            raise _damaged(self._path)
        if version != FORMAT:
            raise Refused(
                f"{self._path} has format {version}, of another version of lading; this one reads format {FORMAT}",
                hint="use the lading that wrote it (`pip install --upgrade lading` gives the newest), or name another "
                "store with --store",
            )
        if _statements(connection) != _EXPECTED:  # a planted view or trigger could run without end
            raise _damaged(self._path)
        return connection


def _statements(connection: sqlite3.Connection) -> set[bytes]:
    """The statements that made what is in a database, as SQLite keeps them."""
    kept = "sql IS NOT NULL AND name <> 'sqlite_sequence'"
    rows = connection.execute(f"SELECT CAST(sql AS BLOB) FROM sqlite_master WHERE {kept}")
    return {statement for (statement,) in rows}


def is_kept(table: str, row: Sequence[object]) -> bool:
    """Whether the ledger has a row: not what is only remembered of a manifest's text, which is read again as fast."""
    return table != "reuse" or row[1] not in ("check", "document")


def create_database(path: Path) -> None:
    """Create a database; `path` must not exist. What it holds is on the disk on return."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    path.chmod(0o600)
    with _explained(path):
        connection = _connect(path)
        try:
            pragmas = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT};"
            connection.executescript(f"{_SETTINGS} BEGIN IMMEDIATE; {pragmas} {_TABLES} COMMIT;")
        finally:
            connection.close()


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    address = f"{path.as_uri()}?mode={mode}"  # never creates the file
    connection: sqlite3.Connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, **_OPTIONS)
    return connection


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise BadInput(f"the store cannot hold such a name or number: {error}") from error


def _explain(error: sqlite3.Error, path: Path) -> LadingError | sqlite3.Error:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code
    if code == sqlite3.SQLITE_BUSY:
        return Locked(f"{path} has been busy for {_BUSY_SECONDS:.0f} s", hint="run the same command again")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "decode to UTF-8" in str(error):
        return _damaged(path)
    if code in _OUTSIDE:
        return Transient(f"{path}: {error}", hint="free space or make it writable, then run the same command again")
    return error


def _damaged(path: Path) -> Damaged:
    return Damaged(
        f"{path} is damaged, or is no store of lading's",
        hint="put a copy of it back, or let `lading repair` say what it can rebuild",
    )
