"""A fourth, fictional format of the store, and the stored stores. As a program: a process of the next version."""

from __future__ import annotations

import os
import sqlite3
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lading.errors import LadingError
from lading.model import Run
from lading.store import Store, database, migrations, rebuild, repair
from lading.store.migrations import Step
from lading.store.recovery import private_copy
from lading.store.report import grant_trust

THIS = Path(__file__)
BEGIN, END = "/marker-begin", "/marker-end"
STORED = THIS.with_name("stored") / "store-of-format-1.tar.gz"
STORED_2 = STORED.with_name("store-of-format-2.tar.gz")
FORMAT_3 = database.TABLES
FORMAT_4 = FORMAT_3.replace(
    "state TEXT NOT NULL, record", "state TEXT NOT NULL, started TEXT NOT NULL DEFAULT '', record"
)
NEXT = 4
EARLIER = migrations.STEPS
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def statement(tables: str, start: str) -> str:
    return next(text for text in tables.split(";") if text.strip().startswith(start))


def add_started(connection: sqlite3.Connection) -> None:
    """Add a column to releases with their start times, taken from the record."""
    connection.execute("DROP INDEX one_release_up")
    connection.execute("DROP INDEX one_canary")
    connection.execute("ALTER TABLE releases RENAME TO earlier")
    connection.execute(statement(FORMAT_4, "CREATE TABLE releases"))
    columns = "seq, service, target, number, state, json_extract(record, '$.started'), record"
    connection.execute(f"INSERT INTO releases SELECT {columns} FROM earlier")
    connection.execute("DROP TABLE earlier")
    connection.execute(statement(FORMAT_4, "CREATE UNIQUE INDEX one_release_up"))
    connection.execute(statement(FORMAT_4, "CREATE UNIQUE INDEX one_canary"))


def install(
    change: Callable[[sqlite3.Connection], None] = add_started, setter: Callable[[Any, str, Any], None] = setattr
) -> None:
    """Make this process one of the next version of Lading, whose store has format 4."""
    known = {"FORMAT": NEXT, "TABLES": FORMAT_4, "STEPS": (*EARLIER, Step(tables=FORMAT_3, change=change))}
    for module in (database, migrations, rebuild, repair):
        for name, value in known.items():
            if hasattr(module, name):
                setter(module, name, value)


def unpack(root: Path, archive: Path = STORED) -> Path:
    """Unpack the stored store, byte for byte, and trust it."""
    with tarfile.open(archive) as tar:
        tar.extractall(root.parent, filter="tar")
    root.chmod(0o700)
    return root


def trusted(root: Path) -> Path:
    grant_trust(unpack(root), os.environ)
    return root


def knowledge(store: Store) -> dict[str, Any]:
    """All records of a store, without its path."""
    root, models = store.root, store.models.list()
    return {
        "runs": store.runs.list(),
        "models": [
            replace(one, file=one.file.relative_to(root), modules=tuple(x.relative_to(root) for x in one.modules))
            for one in models
        ],
        "distributions": [dict(one.distributions) for one in models],
        "releases": store.releases.list(),
        "packages": {digest: any(store.packages.get(digest, one) for one in models) for digest in digests(root)},
        "reuse": {key: store.reuse.get(key) for key in keys(store)},
    }


def digests(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("packages/*"))


def keys(store: Store) -> list[str]:
    """The keys of `reuse` that are also in the ledger."""
    rows = store._database.rows("reuse")
    return sorted(row[0] for row in rows if database.is_kept("reuse", row))


def format_on_disk(root: Path) -> int:
    """The format of the database after a rollback of unfinished transactions. The store is not changed."""
    with private_copy(root / "store.db") as copy, closing(sqlite3.connect(copy)) as connection:
        return database.format_of(connection)


def work(root: Path, name: str) -> None:
    """Do the work of a command of the next version: open the store, which migrates it, and write."""
    os.access(BEGIN, os.F_OK)
    with closing(Store.open(root)) as store:
        store.runs.save(Run(id=name, name="salary-svc", state="finished", started=NOW))
    os.access(END, os.F_OK)


if __name__ == "__main__":
    install()
    try:
        work(Path(sys.argv[1]), sys.argv[2])
    except LadingError as error:
        sys.stderr.write(f"{type(error).__name__}: {error.message}\n")
        sys.exit(error.exit_code)
