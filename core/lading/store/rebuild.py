"""Rebuild the database of a store from its ledger and from its readable rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import Refused
from ..model import Distribution, ModelVersion, Release, Run
from .codec import from_record, to_json
from .database import FORMAT, KEPT, Damaged, Database, create_database, format_of, is_kept
from .digests import digest_of
from .ledger import Ledger, Row
from .migrations import is_outdated, put_row, upgraded
from .reading import read_database
from .recovery import private_copy

_RECORDS = {
    "runs": Run,
    "distributions": Mapping[str, Distribution],
    "models": ModelVersion,
    "packages": object,
    "releases": Release,
    "reuse": object,
}
"""The type of the last column of each table."""

_NONE = to_json({})
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # SQLite's message about a damaged name may not be UTF-8
_SORTS = ("ASC", "DESC")  # read from both ends, up to the unreadable part


@dataclass(frozen=True)
class Diagnosis:
    """The problems of a database and of its ledger. An empty text means no problem.

    `outdated` means that the database has an earlier format.
    """

    database: str = ""
    ledger: str = ""
    outdated: bool = False


def diagnose(path: Path, folder: Path) -> Diagnosis:
    """Check a database and its ledger. `folder` is an empty folder to work in.

    Raises Refused for a database or ledger of a newer version, because these must not be changed.
    """
    ledger = Ledger(path.with_suffix(".ledger"))
    said, damaged = ledger.read(partial(upgraded, ledger.path))
    broken = f"{damaged} damaged lines" if damaged else ""
    if not path.exists():
        return Diagnosis("missing", broken)
    try:
        with closing(read_database(path)) as database:
            problem = _problem(database) or ("" if damaged else _lacking(database, said, folder))
            records = any(map(database.rows, KEPT))
    except Damaged:
        return Diagnosis("damaged", broken)
    lost = "missing" if records and not ledger.path.exists() else ""
    return Diagnosis(problem, broken or lost, is_outdated(path))


def rebuild(path: Path, into: Path) -> tuple[int, int]:
    """Create a database at `into`, with a ledger, from all that is known of the database at `path`.

    Returns the number of its records, and the number of model versions whose distributions are lost. If both sources
    have a row, the ledger's row is used, because it has a checksum.
    """
    ledger = Ledger(path.with_suffix(".ledger"))
    rows, _damaged = ledger.read(partial(upgraded, ledger.path))
    create_database(into)
    with closing(Database(into)) as database:
        with database.write() as connection:
            for row in (*_salvaged(path), *rows):
                put_row(connection, row)
            unpinned = _part_with_distributions(connection)
            database.renew_ledger()
        return sum(len(database.rows(table)) for table in KEPT if table != "reuse"), unpinned


def renew_ledger(path: Path) -> None:
    """Rewrite the ledger of a database."""
    with closing(Database(path)) as database, database.write():
        database.renew_ledger()


def _problem(database: Database) -> str:
    """A problem that SQLite or the types of the records show."""
    ((found,), *_) = database.read("PRAGMA integrity_check")
    if found != "ok":
        return "damaged"
    broken = sum(not _decodes(table, row) for table in KEPT for row in database.rows(table))
    return f"{broken} unreadable records" if broken else ""


def _lacking(database: Database, said: list[Row], folder: Path) -> str:
    """Report records of the ledger that the database lacks or holds with other content."""
    create_database(folder / "said.db")
    with closing(Database(folder / "said.db")) as expected:
        with expected.write() as connection:
            for row in said:
                put_row(connection, row)
        lost = sum(len(set(expected.rows(table)) - set(database.rows(table))) for table in KEPT)
    return f"{lost} records altered or lost" if lost else ""


def _part_with_distributions(connection: sqlite3.Connection) -> int:
    """Remove the reference to lost distributions from models. Returns the number of these models."""
    update = "UPDATE models SET distributions = ? WHERE distributions NOT IN (SELECT sha256 FROM distributions)"
    lost = connection.execute(update, (digest_of(_NONE),)).rowcount
    if lost:
        connection.execute("INSERT OR IGNORE INTO distributions VALUES (?, ?)", (digest_of(_NONE), _NONE))
    return lost


def _salvaged(path: Path) -> Iterator[Row]:
    """The readable rows of a possibly damaged database, in the current format."""
    if not path.exists():
        return
    with private_copy(path) as copy, closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        version, rows = _format_if_known(connection), list(_read(connection))
    for table, *row in upgraded(path, version, rows):
        if is_kept(table, row) and _decodes(table, row):
            yield (table, *row)


def _format_if_known(connection: sqlite3.Connection) -> int:
    with suppress(*_UNREADABLE):
        version = format_of(connection)
        if 1 <= version < FORMAT:
            return version
    return FORMAT


def _read(connection: sqlite3.Connection) -> Iterator[Row]:
    for table in KEPT:
        for sort in _SORTS:
            with suppress(*_UNREADABLE):
                for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1 {sort}"):
                    with suppress(ValueError, TypeError, RecursionError):
                        json.loads(row[-1])  # a migration step cannot read anything but JSON
                        yield (table, *row)


def _decodes(table: str, row: Sequence[Any]) -> bool:
    try:
        from_record(_RECORDS[table], row[-1])
    except Refused:
        return False
    return True
