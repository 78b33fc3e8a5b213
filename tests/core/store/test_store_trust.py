"""Trusted stores: those that this user made or trusted, at their current path."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from tests.core.store.store_kit import release_file, request_for, written

from lading.errors import BadInput, Refused, Transient
from lading.python import releases
from lading.store import Store, StoreToRead
from lading.store.repair import repair

STORED = Path(__file__).with_name("stored") / "store-of-cbc6a1d.tar.gz"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state folder of this test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "lading"


@pytest.fixture
def made(root: Path, state: Path, tmp_path: Path) -> Path:
    """A store that Lading made here, closed."""
    with closing(Store.open(root)) as store:
        list(release_file(store, written(tmp_path / "train.py", b"x = 1")))
    return root


def packed_up(root: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root, root.name)
    return archive


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="tar")
    (folder / ".lading").chmod(0o700)
    return folder / ".lading"


def assert_refused(root: Path) -> None:
    """Check that a store can be read, with a remark, but not used otherwise."""
    before = sorted((path, path.lstat().st_mtime_ns) for path in (root, *root.rglob("*")))
    for use in (lambda: Store.open(root), lambda: repair(root, fix=True, command="lading repair", wait=0)):
        with pytest.raises(Refused, match="is not trusted") as refused:
            use()
        assert f"`lading store trust --yes --store {root}`" in (refused.value.hint or "")
        assert "LADING_TRUST_STORE=1" in (refused.value.hint or "")
    with closing(StoreToRead.read(root)) as store:
        assert "is not trusted" in store.remark
        assert [model.version for model in store.models.list()]
        with pytest.raises(Refused, match="is not trusted"):
            store.demand_trust()
    assert sorted((path, path.lstat().st_mtime_ns) for path in (root, *root.rglob("*"))) == before


def assert_trusted(root: Path) -> None:
    with closing(Store.open(root)) as store:
        assert store.models.list()
    with closing(StoreToRead.read(root)) as reader:
        assert reader.remark == ""
        reader.demand_trust()


def test_a_new_store_is_trusted_at_its_path(made: Path, state: Path) -> None:
    assert_trusted(made)
    (entry,) = (state / "trusted").iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    known = json.loads(entry.read_text())
    assert known == {"store": str(made), "id": (made / "id").read_text().strip()}


def test_a_moved_folder_is_refused_until_it_is_trusted(made: Path) -> None:
    moved = made.parent.rename(made.parent.with_name("moved")) / ".lading"
    assert_refused(moved)
    found = releases.trust_store(store=moved)
    assert (found.trusted, found.models, found.releases, found.problem) == (False, 1, 1, "")
    assert_refused(moved)
    assert releases.trust_store(accept=True, store=moved).trusted
    assert_trusted(moved)


def test_a_copy_and_its_original_are_trusted_separately(made: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made, tmp_path / "copy" / ".lading"))
    assert_refused(copy)
    releases.trust_store(accept=True, store=copy)
    assert_trusted(copy)
    assert_trusted(made)


def test_a_restored_cache_is_trusted_only_at_its_old_path(made: Path, tmp_path: Path) -> None:
    archive = packed_up(made, tmp_path / "cache.tar.gz")
    shutil.rmtree(made)
    assert_refused(unpacked(archive, tmp_path / "elsewhere"))
    assert_trusted(unpacked(archive, made.parent))


def test_a_new_container_trusts_stores_if_the_variable_is_set(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = unpacked(packed_up(made, tmp_path / "cache.tar.gz"), tmp_path / "container")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "empty-home"))
    assert_refused(restored)
    monkeypatch.setenv("LADING_TRUST_STORE", "1")
    assert_trusted(restored)
    assert not (tmp_path / "empty-home").exists()
    monkeypatch.setenv("LADING_TRUST_STORE", "0")
    assert_refused(restored)


@pytest.mark.parametrize("home", ["a file", "/proc"])
def test_without_a_writable_home_the_variable_is_needed(
    root: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    new = tmp_path / "new" / ".lading"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", home if home == "/proc" else str(written(tmp_path / "home", b"")))
    for use in (lambda: Store.open(new), lambda: releases.trust_store(accept=True, store=made)):
        with pytest.raises(Transient, match="so the store cannot be listed as trusted") as refused:
            use()
        assert "LADING_TRUST_STORE=1" in (refused.value.hint or "")
    monkeypatch.setenv("LADING_TRUST_STORE", "1")
    with closing(Store.open(new)) as store:
        list(release_file(store, written(tmp_path / "train.py", b"x = 1")))
    assert_trusted(new)


def test_a_store_of_an_earlier_format_gets_an_id(tmp_path: Path, state: Path) -> None:
    old = unpacked(STORED, tmp_path / "old")
    assert_refused(old)
    assert releases.trust_store(accept=True, store=old).trusted
    with closing(Store.open(old)) as store:
        assert [model.version for model in store.models.list("salary")] == [2, 1]
        assert [release.state for release in store.releases.list()] == ["up", "superseded"]
        assert store.models.register(request_for(written(tmp_path / "third", b"third"))).version == 3


def test_a_planted_store_without_a_database_does_not_count_as_new(root: Path, state: Path) -> None:
    written(root / "work" / "deployments" / "local" / "salary-svc" / "desired.json", b"{}")
    root.chmod(0o700)
    with pytest.raises(Refused, match="is not trusted"):
        Store.open(root)
    assert {path.name for path in root.iterdir()} == {"work"}


@pytest.mark.parametrize("text", ["", "x" * 9000, "{}", "[]", "null", '{"store": 1, "id": 2}', "\xff"])
def test_an_unreadable_list_trusts_nothing(made: Path, state: Path, text: str) -> None:
    (entry,) = (state / "trusted").iterdir()
    entry.write_text(text)
    assert_refused(made)
    (made / "id").write_text(text)
    assert_refused(made)


def test_a_list_that_others_can_write_trusts_nothing(made: Path, state: Path) -> None:
    (entry,) = (state / "trusted").iterdir()
    entry.chmod(0o666)
    assert_refused(made)


def test_trusting_creates_a_new_id_that_the_sender_of_the_store_does_not_know(made: Path) -> None:
    before = (made / "id").read_text()
    releases.trust_store(accept=True, store=made)
    assert (made / "id").read_text() != before
    assert_trusted(made)


def test_without_a_store_trusting_is_bad_input(root: Path, state: Path) -> None:
    for accept in (False, True):
        with pytest.raises(BadInput, match="has no store"):
            releases.trust_store(accept=accept, store=root)
    assert not root.exists()


def test_a_damaged_store_can_be_trusted_and_repaired(made: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made, tmp_path / "copy" / ".lading"))
    (copy / "store.db").write_bytes(b"garbage")
    found = releases.trust_store(accept=True, store=copy)
    assert (found.trusted, found.models) == (True, None)
    assert "is damaged" in found.problem
    repair(copy, fix=True, command="lading repair", wait=0)
    assert_trusted(copy)


def test_a_link_to_the_project_leads_to_the_same_store(made: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(made.parent)
    assert_trusted(tmp_path / "link" / ".lading")


def test_a_relative_state_folder_is_ignored(root: Path, tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": "state", "HOME": str(tmp_path / "home")}
    Store.open(root, environ).close()
    assert list((tmp_path / "home" / ".local" / "state" / "lading" / "trusted").iterdir())
    assert os.environ["HOME"] != environ["HOME"]
