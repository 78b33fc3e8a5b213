"""Digests with the cache of file metadata: always correct, and each file is read only once."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.store.store_kit import sha256, written

from lading.errors import BadInput
from lading.store import Store


def settle(*paths: Path) -> None:
    past = time.time_ns() - 60_000_000_001
    for path in paths:
        os.utime(path, ns=(past, past))


def test_a_known_file_is_not_read_again(store: Store, root: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "f", b"known")
    settle(file)
    status = file.stat()
    assert store.digests.file(file) == sha256(b"known")
    store.close()
    file.write_bytes(b"other")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # an artificial case, to see that the cache answers
    with closing(Store.open(root)) as again:
        assert again.digests.file(file) == sha256(b"known")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        assert again.digests.file(file) == sha256(b"other")


def test_a_link_or_a_move_keeps_the_digest_of_a_file(store: Store, tmp_path: Path) -> None:
    file = written(tmp_path / "f", b"known")
    settle(file)
    store.digests.file(file)
    store.digests.save()
    os.link(file, tmp_path / "link")
    moved = file.rename(tmp_path / "moved")
    before = (store.root / "store.db").stat().st_mtime_ns
    assert store.digests.file(moved) == store.digests.file(tmp_path / "link") == sha256(b"known")
    store.digests.save()
    assert (store.root / "store.db").stat().st_mtime_ns == before


def test_a_rewrite_in_the_same_clock_tick_is_noticed(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "f"
    for number in range(300):
        content = f"{number:06}".encode()
        with file.open("r+b" if number else "wb") as writer:  # in place, so that device, inode and size stay the same
            writer.write(content)
        assert store.digests.file(file) == sha256(content)


def test_a_time_in_whole_seconds_is_not_trusted_for_two_seconds(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, now = tmp_path / "f", int(time.time())
    monkeypatch.setattr(time, "time_ns", lambda: now * 10**9)
    for content in (b"one", b"two"):
        written(file, content)
        second = now - 1
        os.utime(file, (second, second))
        if content == b"one":
            first = file.stat().st_mtime_ns
            assert store.digests.file(file) == sha256(b"one")
    os.utime(file, ns=(first, first))
    assert store.digests.file(file) == sha256(b"two")


def test_a_file_written_while_it_is_read_is_not_remembered(store: Store, tmp_path: Path) -> None:
    file = written(tmp_path / "f", b"\0" * 30_000_000)
    settle(file)
    stop = threading.Event()

    def rewrite() -> None:
        with file.open("r+b", buffering=0) as writer:
            while not stop.is_set():
                writer.seek(0)
                writer.write(os.urandom(8))

    writer = threading.Thread(target=rewrite)
    writer.start()
    store.digests.file(file)
    stop.set()
    writer.join()
    assert store.digests.file(file) == sha256(file.read_bytes())


def test_the_digest_of_a_folder_covers_names_and_bytes(store: Store, tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, bytes]) -> Path:
        for file, content in files.items():
            written(tmp_path / name / file, content)
        return tmp_path / name

    first = store.digests.tree(folder("a", {"x/one.py": b"1", "two.py": b"2"}))
    assert store.digests.tree(folder("b", {"two.py": b"2", "x/one.py": b"1", "__pycache__/two.pyc": b"?"})) == first
    others = [{"x/one.py": b"1", "two.py": b"3"}, {"one.py": b"1", "two.py": b"2"}, {"x/one.py": b"1"}]
    digests = [store.digests.tree(folder(f"other{n}", files)) for n, files in enumerate(others)]
    assert len({first, *digests}) == 4
    assert store.digests.tree(tmp_path / "a" / "two.py") == sha256(b"2")


def test_the_store_is_not_part_of_the_digest_of_its_parent_folder(store: Store, root: Path) -> None:
    written(root.parent / "train.py", b"x = 1")
    before = store.digests.tree(root.parent)
    store.reuse.put("key", "train", before)
    store.files.put(root.parent / "train.py")
    assert store.digests.tree(root.parent) == before


def test_links_are_followed_and_loops_are_bad_input(store: Store, tmp_path: Path) -> None:
    written(tmp_path / "data" / "f", b"1")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "data").symlink_to(tmp_path / "data")
    written(tmp_path / "b" / "data" / "f", b"1")
    assert store.digests.tree(tmp_path / "a") == store.digests.tree(tmp_path / "b")
    (tmp_path / "data" / "up").symlink_to(tmp_path / "a")
    with pytest.raises(BadInput, match="is a link to a folder that holds it"):
        store.digests.tree(tmp_path / "a")


@pytest.fixture
def no_file(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = tmp_path / "it"
    if request.param == "folder":
        path.mkdir()
    elif request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "below a file":
        path = written(path, b"") / "it"
    elif request.param == "dangling link":
        path.symlink_to("nowhere")
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            before = Path.cwd()
            os.chdir(tmp_path)  # the full path may be too long for a socket
            listener.bind(path.name)
            os.chdir(before)
            yield path
            return
    yield path


@pytest.mark.parametrize(
    "no_file", ["absent", "folder", "pipe", "below a file", "dangling link", "socket"], indirect=True
)
def test_anything_but_a_file_or_folder_is_bad_input(store: Store, no_file: Path) -> None:
    with pytest.raises(BadInput, match="it"):
        store.digests.file(no_file)


def test_a_file_name_that_is_not_utf_8_is_accepted(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"\xff.csv")).write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes text only")
    assert store.digests.tree(folder) != store.digests.tree(written(tmp_path / "other" / "x", b"1").parent)


@settings(max_examples=25, database=None)
@given(files=st.dictionaries(st.sampled_from(["a", "b", "c/a", "c/b", "d e/\n"]), st.binary(max_size=3), max_size=5))
def test_equal_folders_and_only_those_have_equal_digests(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("trees")
    with closing(Store.open(base / ".lading")) as store:

        def digest(name: str, content: dict[str, bytes]) -> str:
            (base / name).mkdir()
            for file, bytes_ in content.items():
                written(base / name / file, bytes_)
            return store.digests.tree(base / name)

        same = digest("one", files)
        assert digest("two", dict(reversed(files.items()))) == same
        for number, name in enumerate(files):
            assert digest(f"less{number}", {key: value for key, value in files.items() if key != name}) != same
            assert digest(f"more{number}", files | {name: files[name] + b"+"}) != same
