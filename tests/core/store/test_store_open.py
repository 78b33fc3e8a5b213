"""Finding, creating and opening a store, and the refused cases."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.core.store.store_kit import THIS, packed, request_for, sha256, written
from tests.waiting import eventually

from lading.errors import BadInput, Refused
from lading.model import Run
from lading.store import Store, StoreToRead, find_store
from lading.store.guard import Guard
from lading.store.report import grant_trust
from lading.store.trust import Trust


@pytest.mark.parametrize("mark", [".lading/", "pyproject.toml", ".git", ".git/"])
def test_the_store_lies_beside_the_nearest_project_root(tmp_path: Path, mark: str) -> None:
    written(tmp_path / "outer" / "pyproject.toml", b"")
    project = tmp_path / "outer" / "inner"
    manifest = written(project / "manifests" / "deep" / "m.yaml", b"")
    (project / mark).mkdir() if mark.endswith("/") else (project / mark).touch()
    assert find_store(manifest, {}) == project / ".lading"


def test_without_a_project_the_store_lies_beside_the_manifest() -> None:
    assert find_store(Path("/nowhere/at/all/m.yaml"), {}) == Path("/nowhere/at/all/.lading")


def test_an_option_comes_before_the_environment_which_comes_before_the_project(tmp_path: Path) -> None:
    manifest, environ = tmp_path / "m.yaml", {"LADING_STORE": "/from/environment"}
    assert find_store(manifest, environ, Path("/from/option")) == Path("/from/option")
    assert find_store(manifest, environ) == Path("/from/environment")
    assert find_store(manifest, {"LADING_STORE": "here"}) == Path.cwd() / "here"


@pytest.mark.parametrize("umask", [0o000, 0o277])
def test_everything_in_the_store_is_private_with_any_umask(root: Path, umask: int) -> None:
    source = written(root.parent / "model", b"model")
    module = written(root.parent / "train.py", b"x = 1")
    before = os.umask(umask)
    try:
        store = Store.open(root)
        model = store.models.register(request_for(source, modules=(module,)))
        if umask == 0:  # with the other umask, only root could fill its own folder
            packed(store, model, {"azureml-app/score.py": b"run = print", "conda.yml": b""})
        store.work("local", "salary")
        with store.lock("salary", command="lading deploy"), store.scratch():
            modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
        store.close()
    finally:
        os.umask(before)
    sealed = {path for path in modes if path.is_file() and {"files", "modules", "packages"} & set(path.parts)}
    assert len(sealed) == (4 if umask == 0 else 2)
    assert {modes[path] for path in sealed} == {0o400}
    assert {mode for path, mode in modes.items() if path.is_file() and path not in sealed} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir() or not path.exists()} == {0o700}


def test_opening_and_reading_write_nothing(store: Store, root: Path) -> None:
    source = written(root.parent / "model", b"model")
    store.models.register(request_for(source))
    before = {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))}
    with closing(Store.open(root)) as again:
        assert again.models.get("salary") is not None
        assert again.reuse.get("key") is None
        assert again.releases.current("salary-svc", "local") is None
    assert {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))} == before


def test_a_project_can_be_moved(store: Store, root: Path) -> None:
    source = written(root.parent / "model", b"model")
    model = store.models.register(request_for(source, modules=(written(root.parent / "train.py", b"x = 1"),)))
    package = packed(store, model, {"score.py": b"run = print"})
    store.close()
    moved = root.parent.rename(root.parent.parent / "moved") / ".lading"
    grant_trust(moved, os.environ)
    with closing(Store.open(moved)) as again:
        found = again.models.get("salary", 1)
        assert found is not None
        assert found.file.read_bytes() == b"model"
        assert found.modules[0].relative_to(moved).name == "train.py"
        assert found.modules[0].read_bytes() == b"x = 1"
        kept = again.packages.get(package.digest, found)
        assert kept is not None
        assert (kept.folder / "score.py").is_relative_to(moved)


@pytest.mark.parametrize("name", ["a b", "what?mode=ro", "50%20", "#", "Ä", ";"])
def test_a_store_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    with closing(Store.open(tmp_path / name)) as store:
        store.reuse.put("key", "train", 1)
    assert (tmp_path / name / "store.db").is_file()
    with closing(Store.open(tmp_path / name)) as again:
        assert again.reuse.get("key") == 1


def test_git_ignores_the_store(store: Store, root: Path) -> None:
    assert (root / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_can_write_to_is_refused(root: Path, mode: int) -> None:
    Store.open(root).close()
    root.chmod(mode)
    with pytest.raises(Refused, match=r"\.lading is writable by other users") as refused:
        Store.open(root)
    assert (refused.value.hint or "").startswith(f"chmod -R go-rwx {root}; ")


@pytest.mark.parametrize("name", ["store.db", "store.ledger", "files"])
def test_a_part_that_others_can_write_to_is_refused(root: Path, name: str) -> None:
    with closing(Store.open(root)) as store:
        store.files.put(written(root.parent / "file", b"1"))
        store.reuse.put("key", "train", 1)
    root.chmod(0o755)
    (root / name).chmod(0o766)
    with pytest.raises(Refused, match=f"{name} is writable by other users"):
        Store.open(root)


def test_a_file_in_place_of_the_store_is_refused(root: Path) -> None:
    written(root, b"")
    with pytest.raises(Refused, match="is a file, but must be a folder"):
        Store.open(root)


@pytest.mark.parametrize("content", [b"", b"x", b"garbage " * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_database_is_refused_and_kept(root: Path, content: bytes) -> None:
    Store.open(root).close()
    (root / "store.db").write_bytes(content)
    with pytest.raises(Refused, match=r"store\.db is damaged") as refused:
        Store.open(root)
    assert "`lading repair`" in (refused.value.hint or "")
    assert (root / "store.db").read_bytes() == content


def test_a_database_of_another_program_is_refused(root: Path) -> None:
    Store.open(root).close()
    (root / "store.db").unlink()
    with closing(sqlite3.connect(root / "store.db")) as other:
        other.execute("CREATE TABLE runs (x)")
    (root / "store.db").chmod(0o600)
    with pytest.raises(Refused, match="not a store of Lading"):
        Store.open(root)


def test_a_truncated_database_is_refused(store: Store, root: Path) -> None:
    source = written(root.parent / "model", b"model")
    store.models.register(request_for(source))
    store.close()
    whole = (root / "store.db").read_bytes()
    for length in [*range(0, len(whole), 1500), len(whole) - 1]:
        (root / "store.db").write_bytes(whole[:length])
        with pytest.raises(Refused, match="is damaged"):
            Store.open(root)
    (root / "store.db").write_bytes(whole)
    with closing(Store.open(root)) as again:
        assert again.models.get("salary", 1) is not None


def test_a_database_that_is_damaged_while_open_is_refused(store: Store, root: Path) -> None:
    whole = (root / "store.db").read_bytes()
    (root / "store.db").write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with closing(Store.open(root)) as again, pytest.raises(Refused, match="is damaged"):
        again.models.list()


def test_a_newer_format_is_refused_with_both_formats_named(root: Path) -> None:
    Store.open(root).close()
    with closing(sqlite3.connect(root / "store.db")) as newer:
        newer.execute("PRAGMA user_version = 7")
    with pytest.raises(Refused, match=r"has format 7, .*reads format 3") as refused:
        Store.open(root)
    assert "pip install --upgrade lading" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER INSERT ON runs BEGIN DELETE FROM models; END",
        "CREATE TABLE more (a)",
        "DROP INDEX runs_by_name",
        "DROP TABLE runs; CREATE VIEW runs AS WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT * FROM n",
    ],
)
def test_a_database_with_additional_content_is_refused(root: Path, planted: str) -> None:
    Store.open(root).close()
    with closing(sqlite3.connect(root / "store.db")) as database:
        database.executescript(planted)
    for opened in (Store.open, StoreToRead.read):
        with pytest.raises(Refused, match=r"store\.db is damaged"):
            opened(root)


def test_a_database_that_claims_to_be_huge_is_not_copied(root: Path) -> None:
    Store.open(root).close()
    with (root / "store.db").open("r+b") as database:
        database.seek(18)
        database.write(b"\2\2")  # with a write-ahead log, so that it is read in a copy
        database.truncate(1 << 40)
    with pytest.raises(Refused, match="too large to be read in a copy"):
        StoreToRead.read(root)


def test_a_removed_database_does_not_leave_its_journal_to_the_next(store: Store, root: Path) -> None:
    store.runs.save(Run(id="old", name="salary", state="finished", started=datetime.now(UTC)))
    store.close()
    with closing(sqlite3.connect(root / "store.db", isolation_level=None)) as dying:
        dying.executescript("PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE runs SET name = 'x';")
        dying.execute("UPDATE runs SET record = hex(zeroblob(300000))")  # too large for the cache
        journal = (root / "store.db-journal").read_bytes()
    (root / "store.db").unlink()
    (root / "store.ledger").unlink()
    (root / "store.db-journal").write_bytes(journal)
    with closing(Store.open(root)) as again:
        assert again.runs.list() == []


def waits_for_a_lock(pid: int) -> bool:
    return bool(re.search(rf"-> FLOCK .* {pid} ", Path("/proc/locks").read_text()))


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who waits for a lock")
def test_the_second_of_two_creators_uses_the_store_of_the_first(root: Path, tmp_path: Path) -> None:
    source = written(tmp_path / "second.py", b"second")
    with closing(Store.open(tmp_path / "elsewhere")) as first:
        first.models.register(request_for(written(tmp_path / "first", b"first")))
    root.mkdir(mode=0o700, parents=True)
    door = os.open(root, os.O_RDONLY)
    fcntl.flock(door, fcntl.LOCK_EX)
    command = [sys.executable, str(THIS), "each", str(root), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
        eventually(lambda: waits_for_a_lock(second.pid) or second.poll() is not None)
        (tmp_path / "elsewhere" / "store.db").rename(root / "store.db")
        Trust(Guard(root), os.environ).grant()
        os.close(door)
        assert second.stdout is not None
        assert second.stdout.readline() == f"model 2 {sha256(b'second')}\n"


def test_names_that_no_manifest_allows_are_bad_input(store: Store) -> None:
    assert store.models.get("a\0b") is None
    with pytest.raises(BadInput, match="cannot hold such a name"):
        store.models.get("\udc80")


def test_version_numbers_out_of_range_are_bad_input(store: Store) -> None:
    with pytest.raises(BadInput):
        store.models.get("salary", 10**40)
