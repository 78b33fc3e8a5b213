"""Stores of earlier formats: their records keep their meaning, both directly and after a migration."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from tests.conftest import ROOT
from tests.core.store.formats_kit import (
    FORMAT_3,
    NEXT,
    NOW,
    STORED_2,
    THIS,
    add_started,
    digests,
    format_on_disk,
    install,
    knowledge,
    trusted,
    unpack,
)
from tests.waiting import LIMIT

from lading.errors import Locked, Refused
from lading.model import Run
from lading.store import Store, StoreToRead, database, migrations
from lading.store.guard import Guard
from lading.store.ledger import Ledger
from lading.store.rebuild import _RECORDS
from lading.store.repair import repair
from lading.store.report import grant_trust

FIELDS = {
    3: {
        "Run": "ended error git_commit git_dirty id inputs libraries metrics model_sha256 name parameters reads "
        "started state tracked",
        "TrackedRun": "id tracker url",
        "Distribution": "modules requires version",
        "ModelVersion": "columns created description distributions file file_name framework framework_version label "
        "modules name parts python references run samples schema scoring sha256 tags version",
        "ModelPart": "file_name framework framework_version name sha256 version",
        "GoldenRequest": "request response tolerance",
        "ModelReference": "name registry url version",
        "Column": "dtype name",
        "Release": "asked beside ended golden_requests id model model_sha256 model_version number package_digest "
        "promoted reason restores secrets service started state target",
        "Schema": "columns decimal delimiter encoding example is_framed is_text missing outputs shape thousands",
        "SchemaColumn": "categories kind name nullable",
        "SchemaOutput": "classes kind name",
    }
}
"""The fields of the stored records, by format."""


@pytest.fixture
def stored(root: Path) -> Path:
    """A store of the first format, from a deployment to `local`."""
    root.parent.mkdir(parents=True)
    return trusted(root)


@pytest.fixture
def known(stored: Path) -> dict[str, Any]:
    with closing(StoreToRead.read(stored)) as store:
        return knowledge(store)


@pytest.fixture
def next_version(known: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process one of a version with the next format."""
    install(setter=monkeypatch.setattr)


def next_command(root: Path, name: str = "by-the-next-version") -> subprocess.Popen[str]:
    command = [sys.executable, str(THIS), str(root), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def migrate_elsewhere(root: Path) -> None:
    with next_command(root) as process:
        assert (process.communicate(timeout=LIMIT)[1], process.returncode) == ("", 0)


def contents(root: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


def opened(root: Path) -> dict[str, Any]:
    with closing(Store.open(root)) as store:
        return knowledge(store)


def repaired(root: Path) -> list[str]:
    """Repair a store and return the problems. A check without `fix` finds the same and changes nothing."""
    before = contents(root)
    said = repair(root, fix=False, command="lading repair", wait=0)
    assert contents(root) == before
    done = repair(root, fix=True, command="lading repair", wait=0)
    assert [(one.kind, one.problem) for one in said] == [(one.kind, one.problem) for one in done]
    assert repair(root, fix=False, command="lading repair", wait=0) == []
    return [f"{one.name}: {one.problem}" for one in done]


def test_the_current_code_reads_every_record_of_the_stored_store(stored: Path, known: dict[str, Any]) -> None:
    assert opened(stored) == known
    assert [run.state for run in known["runs"]] == ["finished", "finished"]
    assert [(model.name, model.version) for model in known["models"]] == [("sal_model", 2), ("sal_model", 1)]
    assert all(pins["scikit-learn"].version == "1.9.1" for pins in known["distributions"])
    states = [(release.number, release.state) for release in known["releases"]]
    assert states == [(3, "up"), (2, "failed"), (1, "superseded")]
    assert known["releases"][0].golden_requests[0].response == [141761.58536585365]
    assert known["packages"] == dict.fromkeys(digests(stored), True)
    assert len(known["packages"]) == 2
    assert len(known["reuse"]) > 20
    assert repaired(stored) == []
    (stored / "store.db").unlink()
    assert repaired(stored) == ["store.db: missing"]
    assert opened(stored) == known


def test_the_second_format_gives_each_release_an_id(stored: Path, known: dict[str, Any], tmp_path: Path) -> None:
    ids = [release.id for release in known["releases"]]
    assert len(set(ids)) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)
    other = trusted(tmp_path / "copy" / ".lading")
    (other / "store.db").unlink()  # so that the records come from the ledger, which also has earlier rows
    repaired(other)
    assert [release.id for release in opened(other)["releases"]] == ids
    assert [release.id for release in opened(stored)["releases"]] == ids
    assert format_on_disk(stored) == database.FORMAT
    with closing(Store.open(stored)) as store:
        versions = store.models.list()
        package = store.packages.get(known["releases"][0].package_digest, versions[0])
        assert package is not None
        assert store.releases.begin("salary-svc", "local", package).id not in ids


def test_the_third_format_allows_one_canary(root: Path, tmp_path: Path) -> None:
    root.parent.mkdir(parents=True)
    stored = unpack(root, STORED_2)
    grant_trust(stored, os.environ)
    assert format_on_disk(stored) == 2
    with closing(Store.open(stored)) as store:
        up = store.releases.current("salary-svc", "local")
        assert up is not None
        package = store.packages.get(up.package_digest, store.models.list()[0])
        assert package is not None
        for _ in range(2):
            canary = store.releases.begin("salary-svc", "local", package, beside=True)
            if store.releases.canary("salary-svc", "local") is None:
                store.releases.finish(canary, "canary")
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            store.releases.finish(canary, "canary")
        assert [one.state for one in store.releases.list()] == ["pending", "canary", "up", "failed", "superseded"]
    (stored / "store.db").unlink()
    assert repaired(stored) == ["store.db: missing"]
    with closing(Store.open(stored)) as store:
        assert [one.state for one in store.releases.list()] == ["pending", "canary", "up", "failed", "superseded"]


@pytest.mark.usefixtures("next_version")
def test_a_command_that_writes_migrates_the_store(stored: Path, known: dict[str, Any]) -> None:
    before = {name: (stored / name).read_bytes() for name in ("store.db", "store.ledger")}
    assert opened(stored) == known
    assert format_on_disk(stored) == NEXT
    lines = (stored / "store.ledger").read_bytes().split(b"\n")[1:]
    assert all(line[9:].startswith(b'[["format",%d],' % NEXT) for line in lines)
    backups = {path.name: path.read_bytes() for path in (stored / "backups").iterdir()}
    assert backups == {f"format-1-{name}": data for name, data in before.items()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (stored / "backups").iterdir()} == {0o600}
    with closing(Store.open(stored)) as store:
        rows = store._database.read("SELECT started, record FROM releases ORDER BY number")
    assert [started in record for started, record in rows] == [True] * 3
    assert repaired(stored) == []
    (stored / "store.db").unlink()  # its ledger has the new format too
    assert repaired(stored) == ["store.db: missing"]
    assert opened(stored) == known


@pytest.mark.usefixtures("next_version")
def test_a_command_that_only_reads_changes_no_file(stored: Path, known: dict[str, Any]) -> None:
    before = contents(stored)
    with closing(StoreToRead.read(stored)) as store:
        assert knowledge(store) == known
        assert store.garbage(keep=3) == []
    assert contents(stored) == before


def test_a_restored_backup_equals_the_old_store(stored: Path, known: dict[str, Any]) -> None:
    migrate_elsewhere(stored)
    with pytest.raises(Refused, match=r"has format 4, .* this one reads format 3"):
        Store.open(stored)
    with pytest.raises(Refused, match=r"has format 4, .* this one reads format 3"):
        StoreToRead.read(stored)
    for name in ("store.db", "store.ledger"):
        (stored / "backups" / f"format-1-{name}").rename(stored / name)
    assert opened(stored) == known


WRITE_AND_DIE = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.executescript("PRAGMA journal_mode=TRUNCATE; PRAGMA cache_size=2; BEGIN IMMEDIATE")
connection.execute("UPDATE runs SET record = record || ' '")
connection.execute("CREATE TABLE big AS SELECT randomblob(2000000) AS bytes")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_documented_commands_restore_a_backup_even_with_a_journal_left(stored: Path, known: dict[str, Any]) -> None:
    migrate_elsewhere(stored)
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(stored / "store.db")], check=False)
    assert (stored / "store.db-journal").stat().st_size > 0
    page = (ROOT / "docs" / "store.md").read_text(encoding="utf-8").partition("**The backup.**")[2]
    commands = page.partition("```sh\n")[2].partition("```")[0].replace(".lading", stored.name)
    subprocess.run(["sh", "-e", "-c", commands], cwd=stored.parent, check=True)
    assert opened(stored) == known
    assert repaired(stored) == []
    assert (stored / "backups" / "format-1-store.db").exists()


def test_a_query_that_fails_in_a_migrated_database_names_the_format(store: Store) -> None:
    newer = database.FORMAT + 1
    with pytest.raises(sqlite3.OperationalError):
        store._database.read("SELECT nothing FROM runs")
    with closing(sqlite3.connect(store.root / "store.db")) as other:
        other.executescript(f"ALTER TABLE runs RENAME TO trainings; PRAGMA user_version={newer}")
    with pytest.raises(Refused, match=rf"has format {newer}, .* this one reads format {database.FORMAT}"):
        store.runs.list()


UNUSABLE = {
    "a number that SQLite cannot hold": ["runs", 2**70, "late", "late", "{}"],
    "half a character": ["runs", 9, "\ud800", "late", "{}"],
    "a record that is not JSON": ["runs", 9, "late", "late", "{"],
    "a record that is too deep": ["runs", 9, "late", "late", "[" * 100_000],
    "a record that is not text": ["runs", 9, "late", "late", ["{}"]],
    "no columns": ["runs"],
}


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("row", UNUSABLE.values(), ids=UNUSABLE)
def test_a_repair_skips_rows_that_no_table_can_hold(
    stored: Path, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch, row: list[Any], version: int
) -> None:
    Ledger(stored / "store.ledger").append([row])
    (stored / "store.db").unlink()
    if version == 3:
        install(read_records, monkeypatch.setattr)
    repair(stored, fix=True, command="lading repair", wait=0)
    assert opened(stored) == known


def read_records(connection: sqlite3.Connection) -> None:
    """A migration step that reads each record, like one that changes a field."""
    connection.execute("UPDATE runs SET record = json_set(record, '$.seen', 1)")
    connection.execute("UPDATE runs SET record = json_remove(record, '$.seen')")
    add_started(connection)


def test_a_process_with_an_open_store_refuses_to_write_after_a_migration(stored: Path, known: dict[str, Any]) -> None:
    with closing(Store.open(stored)) as store:
        migrate_elsewhere(stored)
        ledger = (stored / "store.ledger").read_bytes()
        with pytest.raises(Refused, match=r"has format 4, .* this one reads format 3"):
            store.runs.save(Run(id="late", name="salary-svc", state="finished", started=NOW))
        assert [run.id for run in store.runs.list()] == ["by-the-next-version", *(run.id for run in known["runs"])]
    assert (stored / "store.ledger").read_bytes() == ledger


@pytest.mark.usefixtures("next_version")
def test_a_store_in_use_is_not_migrated(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "CLEANING_SECONDS", 0.1)
    with closing(StoreToRead.read(stored)) as other, other.in_use():
        before = (stored / "store.db").read_bytes()
        with pytest.raises(Locked, match=r"store\.db must be migrated to format 4, and other commands use the store"):
            Store.open(stored)
        assert (stored / "store.db").read_bytes() == before
    assert format_on_disk(stored) == 1


def test_one_of_several_processes_migrates_and_none_loses_data(stored: Path, known: dict[str, Any]) -> None:
    processes = [next_command(stored, f"run-{number}") for number in range(6)]
    ended = [(process.communicate(timeout=LIMIT)[1], process.returncode) for process in processes]
    assert ended == [("", 0)] * 6
    with pytest.MonkeyPatch.context() as patch:
        install(setter=patch.setattr)
        found = opened(stored)
        assert {run.id for run in found["runs"]} == {
            *(run.id for run in known["runs"]),
            *(f"run-{number}" for number in range(6)),
        }
        assert found["releases"] == known["releases"]
        assert repaired(stored) == []


@pytest.mark.usefixtures("next_version")
def test_the_second_process_finds_nothing_to_migrate(stored: Path) -> None:
    Store.open(stored).close()
    before = contents(stored)
    migrations.migrate_alone(Guard(stored))
    assert contents(stored) == before


@pytest.mark.usefixtures("next_version")
def test_an_earlier_backup_is_replaced(stored: Path, known: dict[str, Any]) -> None:
    (stored / "backups").mkdir(0o700)
    for name in ("format-1-store.db", "format-1-store.ledger"):
        (stored / "backups" / name).touch(0o600)
    before = (stored / "store.db").read_bytes()
    assert opened(stored) == known
    assert (stored / "backups" / "format-1-store.db").read_bytes() == before


@pytest.mark.usefixtures("next_version")
@pytest.mark.parametrize("name", ["backups", "backups/format-1-store.db", "backups/format-1-store.ledger"])
def test_a_link_in_place_of_a_backup_is_refused(stored: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    (stored / name).parent.mkdir(0o700, exist_ok=True)
    (stored / name).symlink_to(outside)
    with pytest.raises(Refused, match="is a symbolic link"):
        Store.open(stored)
    assert format_on_disk(stored) == 1
    assert outside.read_bytes() == b"mine"


def fail(_connection: sqlite3.Connection) -> None:
    raise KeyError


def end_the_transaction(connection: sqlite3.Connection) -> None:
    connection.executescript("DELETE FROM runs;")


def leave_the_tables(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM runs")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("change", [fail, end_the_transaction, leave_the_tables])
def test_a_failed_step_leaves_the_old_store(stored: Path, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    before = {name: (stored / name).read_bytes() for name in ("store.db", "store.ledger")}
    install(change, monkeypatch.setattr)
    for use in (Store.open, StoreToRead.read):
        with pytest.raises(Refused, match=r"store\.db is damaged"):
            use(stored)
    assert {name: (stored / name).read_bytes() for name in before} == before


@pytest.mark.usefixtures("next_version")
@pytest.mark.parametrize("use", [Store.open, StoreToRead.read])
def test_no_step_runs_in_a_database_with_other_tables(stored: Path, monkeypatch: pytest.MonkeyPatch, use: Any) -> None:
    with closing(sqlite3.connect(stored / "store.db")) as planted:
        planted.execute("CREATE VIEW more AS SELECT 1")
    ran: list[str] = []
    install(lambda _connection: ran.append("step"), monkeypatch.setattr)
    with pytest.raises(Refused, match=r"store\.db is damaged"):
        use(stored)
    assert ran == []


@pytest.mark.usefixtures("next_version")
def test_repair_migrates(stored: Path, known: dict[str, Any]) -> None:
    assert repaired(stored) == ["store.db: of an earlier format"]
    assert format_on_disk(stored) == NEXT
    assert (stored / "backups" / "format-1-store.db").exists()
    assert opened(stored) == known


@pytest.mark.usefixtures("next_version")
@pytest.mark.parametrize("damage", ["missing", "damaged", "damaged, without a ledger"])
def test_repair_rebuilds_a_store_of_an_earlier_format(stored: Path, known: dict[str, Any], damage: str) -> None:
    if damage == "missing":
        (stored / "store.db").unlink()
    else:
        with (stored / "store.db").open("ab") as file:
            file.write(b"\0" * 4096)
    if "without" in damage:
        (stored / "store.ledger").unlink()
    assert repaired(stored) == [f"store.db: {damage.partition(',')[0]}"]
    assert format_on_disk(stored) == NEXT
    assert opened(stored) == known


def test_a_line_from_an_older_process_is_read_in_its_own_format(stored: Path, known: dict[str, Any]) -> None:
    """The previous version does not check the format before it writes."""
    (row,) = [
        row for row in Ledger(stored / "store.ledger").read()[0] if row[0] == "releases" and row[4:6] == [1, "up"]
    ]
    migrate_elsewhere(stored)
    late = [*row[:1], 9, "late-svc", *row[3:]]
    Ledger(stored / "store.ledger").append([late])
    (stored / "store.db").unlink()
    with pytest.MonkeyPatch.context() as patch:
        install(setter=patch.setattr)
        repaired(stored)
        with closing(Store.open(stored)) as store:
            rows = store._database.read("SELECT service, started FROM releases ORDER BY seq")
    assert [service for service, _started in rows] == ["salary-svc"] * len(known["releases"]) + ["late-svc"]
    assert rows[0][1] == rows[-1][1] != ""


@pytest.mark.parametrize("fix", [True, False])
def test_a_newer_ledger_without_its_database_is_left_unchanged(stored: Path, fix: bool) -> None:
    migrate_elsewhere(stored)
    (stored / "store.db").unlink()
    before = contents(stored)
    with pytest.raises(Refused, match=r"store\.ledger has format 4, .* this one reads format 3"):
        repair(stored, fix=fix, command="lading repair", wait=0)
    assert {path: data for path, data in contents(stored).items() if path.parent.name != "locks"} == {
        path: data for path, data in before.items() if path.parent.name != "locks"
    }


@pytest.mark.usefixtures("next_version")
def test_a_backup_is_garbage_after_a_week(stored: Path) -> None:
    with closing(Store.open(stored)) as store:
        assert store.clean(3, command="lading gc") == []
        backups = sorted((stored / "backups").iterdir())
        (stored / "backups" / "notes.txt").touch(0o600)
        for path in (stored / "backups").iterdir():
            os.utime(path, (NOW.timestamp(), path.stat().st_mtime - 8 * 24 * 3600))
        assert [(item.kind, item.path) for item in store.garbage(3)] == [("backup", path) for path in backups]
        assert [item.path for item in store.clean(3, command="lading gc")] == backups
    assert [path.name for path in (stored / "backups").iterdir()] == ["notes.txt"]


def test_a_current_store_is_opened_without_importing_the_migrations(stored: Path) -> None:
    Store.open(stored).close()
    script = (
        "import sys; from pathlib import Path; from lading.store import Store, StoreToRead; root = Path(sys.argv[1]); "
        "Store.open(root).close(); StoreToRead.read(root).close(); sys.exit('lading.store.migrations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(stored)], check=False, timeout=LIMIT).returncode == 0


def test_each_earlier_format_has_a_step() -> None:
    assert len(migrations.STEPS) == database.FORMAT - 1


@pytest.mark.usefixtures("known")
def test_a_fictional_step_creates_the_tables_of_its_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(setter=monkeypatch.setattr)
    database.create_database(tmp_path / "new.db")
    with closing(database.connect(tmp_path / "new.db")) as new:
        assert not database.is_made_by(FORMAT_3, new)
        assert database.is_made_by(database.TABLES, new)


def record_fields(kind: Any) -> dict[str, str]:
    """The fields of a record and of the records in it, by name."""
    found: dict[str, str] = {}
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        waiting += getattr(one, "__args__", ())
        if hasattr(one, "__dataclass_fields__") and one.__name__ not in found:
            hints = get_type_hints(one)
            found[one.__name__] = " ".join(sorted(hints))
            waiting += hints.values()
    return found


def test_the_stored_records_have_the_fields_of_this_format() -> None:
    """A new field needs a new format: an older version of Lading would report a record with it as damaged."""
    found = {name: names for kind in _RECORDS.values() for name, names in record_fields(kind).items()}
    assert found == FIELDS[database.FORMAT]
