"""The location of a store if the project is on a file system without modes, such as an SMB share or a WSL mount."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.core.store.store_kit import request_for, written
from tests.missing import skip_without
from tests.waiting import LIMIT

from lading.errors import Refused
from lading.store import find_store, open_store, read_store


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Path]:
    """A mounted file system on which every mode is 0777 and chmod has no effect."""
    if shutil.which("bindfs") is None:
        skip_without("bindfs is missing, which mounts a file system without modes")
    below, share = tmp_path / "below", tmp_path / "share"
    below.mkdir()
    share.mkdir()
    mount = ["bindfs", "--perms=0777", "--chmod-ignore", "--chown-ignore", str(below), str(share)]
    mounted = subprocess.run(mount, capture_output=True, text=True, timeout=LIMIT, check=False)
    if mounted.returncode != 0:
        skip_without(f"this machine mounts no such file system: {mounted.stderr}")
    yield share
    subprocess.run(["umount", str(share)], check=True, timeout=LIMIT)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def test_the_default_store_goes_to_the_state_folder_with_one_remark(
    share: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    manifest = written(share / "project" / "lading.yaml", b"")
    assert stat.S_IMODE(manifest.parent.stat().st_mode) == 0o777, "the file system has modes"
    with closing(open_store(manifest, environ)) as store:
        assert store.root.parent == tmp_path / "state" / "lading" / "stores"
        assert store.remark == (f"{manifest.parent} is on a file system without modes, so its store is in {store.root}")
        store.models.register(request_for(written(tmp_path / "model", b"1")))
    with closing(open_store(manifest, environ)) as again:
        assert (again.root, again.remark) == (store.root, "")
    with closing(read_store(manifest, environ)) as reader:
        assert [model.name for model in reader.models.list()] == ["salary"]
    assert [path.name for path in manifest.parent.iterdir()] == ["lading.yaml"]


def test_two_projects_have_two_stores(share: Path, environ: dict[str, str]) -> None:
    places = set()
    for name in ("one", "two"):
        with closing(open_store(written(share / name / "lading.yaml", b""), environ)) as store:
            places.add(store.root)
    assert len(places) == 2


@pytest.mark.parametrize("way", ["option", "variable", "it is there"])
def test_a_named_or_existing_store_on_such_a_file_system_is_refused(
    share: Path, environ: dict[str, str], way: str
) -> None:
    manifest, named = written(share / "project" / "lading.yaml", b""), share / "project" / ".lading"
    if way == "it is there":
        written(named / "work" / "notes", b"")
    if way == "variable":
        environ["LADING_STORE"] = str(named)
    with pytest.raises(Refused, match="is writable by other users") as refused:
        open_store(manifest, environ, named if way == "option" else None)
    assert "if chmod has no effect, keep the store elsewhere" in (refused.value.hint or "")


def test_on_a_file_system_with_modes_the_store_lies_beside_the_project(environ: dict[str, str], tmp_path: Path) -> None:
    manifest = written(tmp_path / "project" / "lading.yaml", b"")
    for _ in range(2):
        with closing(open_store(manifest, environ)) as store:
            assert (store.root, store.remark) == (manifest.parent / ".lading", "")
    assert not (tmp_path / "state" / "lading" / "stores").exists()


def test_a_command_that_only_reads_does_not_test_the_file_system(environ: dict[str, str], tmp_path: Path) -> None:
    manifest = written(tmp_path / "project" / "lading.yaml", b"")
    with closing(read_store(manifest, environ)) as store:
        assert "has no store yet" in store.remark
    assert find_store(manifest, environ) == manifest.parent / ".lading"
    assert [path.name for path in manifest.parent.iterdir()] == ["lading.yaml"]


def test_an_open_folder_with_content_is_not_closed_silently(environ: dict[str, str], tmp_path: Path) -> None:
    manifest = written(tmp_path / "project" / "lading.yaml", b"")
    written(manifest.parent / ".lading" / "work" / "notes", b"")
    (manifest.parent / ".lading").chmod(0o777)
    with pytest.raises(Refused, match="is writable by other users"):
        open_store(manifest, environ)
    assert stat.S_IMODE((manifest.parent / ".lading").stat().st_mode) == 0o777
