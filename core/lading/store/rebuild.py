"""The database of a store, made again: from what its ledger says and from what can still be read of itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Refused
from ..model import Distribution, ModelVersion, Release, Run
from .codec import from_record, to_json
from .database import KEPT, Damaged, Database, create_database, is_kept
from .digests import digest_of
from .ledger import Ledger, Row
from .recovery import private_copy

_RECORDS = {
    "runs": Run,
    "distributions": Mapping[str, Distribution],
    "models": ModelVersion,
    "packages": object,
    "releases": Release,
    "reuse": object,
}
"""What the last column of a table holds."""

_NONE = to_json({})
_SORTS = ("ASC", "DESC")  # from both ends, towards whatever cannot be read


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a database and with its ledger; both empty where nothing is."""

    database: str = ""
    ledger: str = ""


def diagnose(path: Path, folder: Path) -> Diagnosis:
    """Look at a database and its ledger; `folder` is an empty one to work in.

    Raises Refused for a database of another version, which must be left alone.
    """
    ledger = Ledger(path.with_suffix(".ledger"))
    said, damaged = ledger.read()
    broken = f"{damaged} damaged lines" if damaged else ""
    if not path.exists():
        return Diagnosis("missing", broken)
    try:
        with closing(Database(path, read_only=True)) as database:
            problem = _problem(database) or ("" if damaged else _lacking(database, said, folder))
            records = any(map(database.rows, KEPT))
    except Damaged:
        return Diagnosis("damaged", broken)
    return Diagnosis(problem, broken or ("missing" if records and not ledger.path.exists() else ""))


def rebuild(path: Path, into: Path) -> tuple[int, int]:
    """Make a database at `into`, with a ledger beside it, from all that is known of the one at `path`.

    Returns the number of its records, and of how many model versions it is lost what was installed when they were
    trained. Where both know of a row, the ledger is believed: it has a checksum.
    """
    rows, _damaged = Ledger(path.with_suffix(".ledger")).read()
    create_database(into)
    with closing(Database(into)) as database:
        with database.write() as connection:
            for row in (*_salvaged(path), *rows):
                _put(connection, row)
            unpinned = _part_with_distributions(connection)
            database.renew_ledger()
        return sum(len(database.rows(table)) for table in KEPT if table != "reuse"), unpinned


def renew_ledger(path: Path) -> None:
    """Write the ledger of a database again."""
    with closing(Database(path)) as database, database.write():
        database.renew_ledger()


def _problem(database: Database) -> str:
    """What SQLite, or the types of the records, find wrong."""
    ((found,), *_) = database.read("PRAGMA integrity_check")
    if found != "ok":
        return "damaged"
    broken = sum(not _decodes(table, row) for table in KEPT for row in database.rows(table))
    return f"{broken} unreadable records" if broken else ""


def _lacking(database: Database, said: list[Row], folder: Path) -> str:
    """The records that the ledger has and the database has not, or has otherwise."""
    create_database(folder / "said.db")
    with closing(Database(folder / "said.db")) as expected:
        with expected.write() as connection:
            for row in said:
                _put(connection, row)
        lost = sum(len(set(expected.rows(table)) - set(database.rows(table))) for table in KEPT)
    return f"{lost} records altered or lost" if lost else ""


def _put(connection: sqlite3.Connection, row: Row) -> None:
    table, *values = row
    if table in KEPT:
        marks = ", ".join("?" * len(values))
        with suppress(sqlite3.Error):  # a row of another shape is none of this format
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)


def _part_with_distributions(connection: sqlite3.Connection) -> int:
    """Have the models whose distributions are lost name none; returns how many they are."""
    update = "UPDATE models SET distributions = ? WHERE distributions NOT IN (SELECT sha256 FROM distributions)"
    lost = connection.execute(update, (digest_of(_NONE),)).rowcount
    if lost:
        connection.execute("INSERT OR IGNORE INTO distributions VALUES (?, ?)", (digest_of(_NONE), _NONE))
    return lost


def _salvaged(path: Path) -> Iterator[Row]:
    """The rows that can be read of a database that may be broken anywhere."""
    if not path.exists():
        return
    with private_copy(path) as copy, closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        for table in KEPT:
            for sort in _SORTS:
                with suppress(sqlite3.Error):
                    for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1 {sort}"):
                        if is_kept(table, row) and _decodes(table, row):
                            yield (table, *row)


def _decodes(table: str, row: tuple[Any, ...]) -> bool:
    try:
        from_record(_RECORDS[table], row[-1])
    except Refused:
        return False
    return True
