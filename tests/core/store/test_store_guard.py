"""Foreign files at the names of a store are refused before they are read, written or removed."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.core.store.store_kit import release_file, request_for, written

from lading.errors import LadingError, Refused
from lading.store import Store, StoreToRead
from lading.store.guard import Foreign
from lading.store.repair import repair

Plant = Callable[[Path, Path], None]


def a_relative_link(place: Path, outside: Path) -> None:
    place.symlink_to(os.path.relpath(outside, place.parent))


def an_absolute_link(place: Path, outside: Path) -> None:
    place.symlink_to(outside)


def a_dangling_link(place: Path, outside: Path) -> None:
    place.symlink_to(outside.with_name("nothing"))


def a_chain_of_links(place: Path, outside: Path) -> None:
    outside.with_name("hop").symlink_to(outside)
    place.symlink_to(outside.with_name("hop"))


def a_pipe(place: Path, outside: Path) -> None:
    os.mkfifo(place, 0o600)


def a_socket(place: Path, outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(place.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{here}/{place.name}")
        finally:
            os.close(here)


def a_device(place: Path, outside: Path) -> None:
    try:
        os.mknod(place, 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


PLANTS: list[Plant] = [
    a_relative_link,
    an_absolute_link,
    a_dangling_link,
    a_chain_of_links,
    a_pipe,
    a_socket,
    a_device,
]
FOLDERS = ["locks", "tmp", "files", "trees", "modules", "packages", "work", "damaged", "backups"]
FILES = [
    ".gitignore",
    ".gitignore.part",
    "id",
    "id.part",
    "store.db",
    "store.db-journal",
    "store.db-wal",
    "store.db-shm",
    "store.ledger",
    "store.ledger.part",
    "locks/store.lock",
    "locks/salary-svc.lock",
]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the user that must not change."""
    written(tmp_path / "outside" / "0123456789abcdef" / "notes.txt", b"notes")
    written(tmp_path / "outside" / "bashrc", b"bashrc")
    return tmp_path / "outside"


@pytest.fixture
def used(root: Path, tmp_path: Path) -> Path:
    """A store that was used and closed."""
    with closing(Store.open(root)) as store:
        list(release_file(store, written(tmp_path / "train.py", b"x = 1")))
        store.work("deployments", "local", "salary-svc")
        with store.lock("salary-svc", command="lading deploy"), store.in_use():
            pass
    return root


def seen(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    """Everything in a folder: modes, times and bytes."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[path] = (status.st_mode, status.st_mtime_ns, content)
    return found


def clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        place.rename(place.with_name(f"{place.name}.away"))
    else:
        place.unlink(missing_ok=True)


def attempts(root: Path) -> Iterator[Callable[[], object]]:
    yield lambda: Store.open(root).close()
    yield lambda: StoreToRead.read(root).close()
    yield lambda: repair(root, fix=False, command="lading repair", wait=0)
    yield lambda: repair(root, fix=True, command="lading repair", wait=0)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("name", [*FOLDERS, *FILES])
def test_a_foreign_file_at_a_known_name_is_refused_and_named(
    used: Path, outside: Path, name: str, plant: Plant
) -> None:
    place = used / name
    clear(place)
    plant(place, outside if name in FOLDERS else outside / "bashrc")
    before = seen(outside), seen(used)
    for attempt in attempts(used):
        with pytest.raises(Foreign, match=rf"{name}(?s:.*) must be") as refused:
            attempt()
        assert "--store or LADING_STORE" in (refused.value.hint or "")
    assert (seen(outside), seen(used)) == before


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_foreign_file_in_place_of_the_store_is_refused(tmp_path: Path, outside: Path, plant: Plant) -> None:
    root = tmp_path / "clone" / ".lading"
    root.parent.mkdir()
    plant(root, outside)
    before = seen(outside)
    for attempt in attempts(root):
        with pytest.raises(Foreign, match=r"\.lading is a"):
            attempt()
    assert seen(outside) == before


@pytest.mark.parametrize("name", FILES)
def test_a_control_file_that_is_a_hard_link_is_refused(used: Path, outside: Path, name: str) -> None:
    place = used / name
    clear(place)
    (outside / "bashrc").chmod(0o600)
    os.link(outside / "bashrc", place)
    before = seen(outside)
    for attempt in attempts(used):
        with pytest.raises(Foreign, match=rf"{name} is a hard link"):
            attempt()
    assert seen(outside) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["", "tmp", "store.db", "work", "locks/store.lock", ".gitignore"])
def test_a_file_of_another_user_is_refused_even_for_root(used: Path, name: str) -> None:
    place = used / name
    os.chown(place, 1234, 1234)
    for attempt in attempts(used):
        with pytest.raises(Foreign, match="belongs to user 1234, and this command runs as user 0"):
            attempt()


def test_a_file_behind_a_link_is_not_a_stored_file(used: Path, outside: Path) -> None:
    with closing(Store.open(used)) as store:
        model = store.models.list()[0]
        clear(model.file)
        model.file.symlink_to(outside / "bashrc")
        for use in (store.models.list, lambda: store.files.check(model.sha256)):
            with pytest.raises(Foreign, match="is a symbolic link to"):
                use()


def test_a_package_behind_a_link_is_not_a_package(used: Path, outside: Path) -> None:
    with closing(Store.open(used)) as store:
        model, (place,) = store.models.list()[0], list((used / "packages").iterdir())
        clear(place)
        place.symlink_to(outside)
        with pytest.raises(Foreign, match="is a symbolic link to"):
            store.packages.get(place.name, model)


@pytest.mark.parametrize("depth", ["", "spec.json", "releases/spec.json"])
def test_a_link_below_a_work_folder_is_refused(used: Path, outside: Path, depth: str) -> None:
    place = used / "work" / "deployments" / "local" / "salary-svc" / depth
    place.parent.mkdir(parents=True, exist_ok=True)
    clear(place)
    place.symlink_to(outside)
    with closing(Store.open(used)) as store, pytest.raises(Foreign, match="is a symbolic link to"):
        store.work("deployments", "local", "salary-svc")
    with closing(StoreToRead.read(used)) as store, pytest.raises(Foreign, match="is a symbolic link to"):
        store.work("deployments", "local", "salary-svc")


def test_links_in_a_virtual_environment_are_not_checked(used: Path) -> None:
    work = used / "work" / "deployments" / "local" / "salary-svc"
    written(work / "environments" / "key" / "bin" / "pip", b"")
    (work / "environments" / "key" / "bin" / "python").symlink_to("/usr/bin/python3")
    with closing(Store.open(used)) as store:
        assert store.work("deployments", "local", "salary-svc") == work


@pytest.mark.parametrize("path", ["../../outside/bashrc", "/etc/passwd", "files/../../../outside/bashrc"])
def test_a_record_that_names_a_path_outside_the_store_is_refused(used: Path, outside: Path, path: str) -> None:
    with closing(sqlite3.connect(used / "store.db", isolation_level=None)) as planted:
        (record,) = planted.execute("SELECT record FROM models").fetchone()
        (digest,) = planted.execute("SELECT json_extract(record, '$.file') FROM models").fetchone()
        planted.execute("UPDATE models SET record = ?", (record.replace(digest, path),))
    with closing(Store.open(used)) as store, pytest.raises(Refused, match="which is not in the store"):
        store.models.list()


def test_the_cleanup_takes_only_scratch_names_and_follows_no_link(used: Path, outside: Path) -> None:
    kept = written(used / "tmp" / "notes" / "mine.txt", b"mine")
    (used / "tmp" / "fedcba9876543210").symlink_to(outside)
    left = written(used / "tmp" / "0123456789abcdef" / "half", b"half")
    (left.parent / "link").symlink_to(outside)
    before = seen(outside)
    with closing(Store.open(used)) as store, store.scratch() as folder:
        assert folder.is_dir()
    assert (kept.exists(), left.parent.exists(), seen(outside) == before) == (True, False, True)


def test_a_removal_follows_no_link(used: Path, outside: Path, tmp_path: Path) -> None:
    before = seen(outside)
    with closing(Store.open(used)) as store:
        unused, path = store.files.put(written(tmp_path / "unused", b"unused"))
        folder = used / "modules" / unused
        folder.mkdir(mode=0o700)
        (folder / "link").symlink_to(outside)
        assert {item.kind for item in store.clean(3, command="lading gc")} == {"file", "module"}
    assert (path.exists(), folder.exists(), seen(outside) == before) == (False, False, True)


def test_a_journal_that_names_another_file_is_refused(used: Path, outside: Path) -> None:
    """SQLite would remove the file that a journal names at its end, after it has used the journal."""
    victim = outside / "bashrc"
    with closing(sqlite3.connect(used / "store.db", isolation_level=None)) as dying:
        dying.executescript("PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE models SET name = 'x';")
        dying.execute("UPDATE models SET record = hex(zeroblob(300000))")  # too large for the cache
        journal = (used / "store.db-journal").read_bytes()
        database = (used / "store.db").read_bytes()
    name = os.fsencode(victim)
    checksum = sum(byte - 256 if byte > 127 else byte for byte in name) & 0xFFFFFFFF
    tail = b"".join(
        (
            (0x40000000 // 4096 + 1).to_bytes(4, "big"),
            name,
            len(name).to_bytes(4, "big"),
            checksum.to_bytes(4, "big"),
            bytes.fromhex("d9d505f920a163d7"),
        )
    )
    (used / "store.db").write_bytes(database)
    (used / "store.db-journal").write_bytes(journal + tail)
    for attempt in attempts(used):
        with suppress(LadingError):
            attempt()
    assert victim.read_bytes() == b"bashrc"
    with pytest.raises(Refused, match="names another file"):
        Store.open(used)


def test_models_may_be_hard_linked_into_releases(used: Path, tmp_path: Path) -> None:
    with closing(Store.open(used)) as store:
        model = store.models.list()[0]
        os.link(model.file, tmp_path / "laid-out")
        store.models.check(model)
        assert store.models.register(request_for(tmp_path / "train.py", modules=(tmp_path / "train.py",))).version == 1


@pytest.mark.parametrize("name", ["store.db-wal", "store.db-shm"])
def test_a_write_ahead_log_is_refused(used: Path, name: str) -> None:
    (used / name).touch(mode=0o600)
    with pytest.raises(Refused, match=name):
        Store.open(used)
