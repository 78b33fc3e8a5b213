"""A model of several files in the store: its digest, what its folder may hold, and what becomes of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.store.store_kit import packed, request_for, written

from lading.errors import BadInput, Refused
from lading.model import ModelVersion
from lading.plugin.layout import lay_out
from lading.store import Store, tree
from lading.store.repair import repair
from lading.store.tree import digest_of_folder, files_of
from lading_serving.model import digest_of_model

PARTS = st.text(st.sampled_from("abé ."), min_size=1, max_size=3)
NAMES = st.lists(PARTS.filter(tree.is_plain), min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(NAMES, st.binary(max_size=3), min_size=1, max_size=5).filter(
    lambda files: not any(other.startswith(f"{name}/") for name in files for other in files)
)
FOREST = {"config.json": b"{}", "trees/1.bin": b"one", "trees/2.bin": b"two"}


def forest(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    for name, content in (FOREST if files is None else files).items():
        written(folder / name, content)
    return folder


def digest(files: dict[str, bytes]) -> str:
    return digest_of_folder({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def registered(store: Store, source: Path) -> ModelVersion:
    any_file = written(source.with_name("any file"), b"any")
    request = replace(request_for(any_file), file=source, file_name=source.name, sha256=store.files.digest(source))
    return store.models.register(request)


@pytest.mark.slow
@given(files=TREES, order=st.randoms(use_true_random=False), time=st.integers(1, 2**31))
def test_a_digest_is_that_of_names_and_bytes_alone(files: dict[str, bytes], order: Random, time: int) -> None:
    shuffled = list(files)
    order.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as name:
        folder = forest(Path(name) / "forest", {name: files[name] for name in shuffled})
        written(folder / "__pycache__" / "module.pyc", b"cache")
        (folder / "an empty folder").mkdir()
        for file in files:
            os.utime(folder / file, (time, time))
            (folder / file).chmod(0o755 if time % 2 else 0o600)
        with closing(Store.open(Path(name) / ".lading")) as store:
            found, stored = store.files.put(folder)
            assert found == digest(files) == store.files.digest(folder) == digest_of_model(stored)
            assert {path: file.read_bytes() for path, file in files_of(stored).items()} == files
            assert {stat.S_IMODE(file.stat().st_mode) for file in files_of(stored).values()} == {0o400}


@given(one=TREES, other=TREES)
def test_two_trees_have_one_digest_only_if_they_are_the_same(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@given(files=TREES)
def test_no_file_has_the_digest_of_a_folder(files: dict[str, bytes]) -> None:
    entries = sorted((name.encode(), hashlib.sha256(content).digest()) for name, content in files.items())
    listed = b"lading.folder.1\0" + b"".join(len(name).to_bytes(8, "big") + name + sha for name, sha in entries)
    assert hashlib.sha3_256(listed).hexdigest() == digest(files)
    assert hashlib.sha256(listed).hexdigest() != digest(files)


def a_link(folder: Path) -> str:
    (folder / "trees" / "3.bin").symlink_to(folder / "trees" / "1.bin")
    return r"trees/3\.bin is a symbolic link"


def a_link_to_a_folder(folder: Path) -> str:
    (folder / "others").symlink_to(folder / "trees")
    return r"others is a symbolic link"


def a_dangling_link(folder: Path) -> str:
    (folder / "trees" / "lost").symlink_to("nowhere")
    return r"trees/lost is a symbolic link"


def a_link_called_like_a_cache(folder: Path) -> str:
    (folder / "__pycache__").symlink_to(folder / "trees")
    return r"__pycache__ is a symbolic link"


def a_pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return r"pipe is not a regular file"


def a_decomposed_name(folder: Path) -> str:
    written(folder / "e\u0301.bin", b"")
    return r"e\\u0301\.bin' has a name that some systems change"


def a_name_without_a_text(folder: Path) -> str:
    written(Path(os.fsdecode(os.fsencode(folder) + b"/\xff.bin")), b"")
    return r"udcff\.bin' has a name that some systems change"


def a_line_end_in_a_name(folder: Path) -> str:
    written(folder / "a\nb", b"")
    return r"has a name that some systems change"


def a_backslash_in_a_name(folder: Path) -> str:
    written(folder / "..\\a", b"")
    return r"has a name that some systems change"


def names_that_differ_in_case(folder: Path) -> str:
    written(folder / "Trees" / "1.bin", b"")
    return r"differ in case only"


def no_file(folder: Path) -> str:
    shutil.rmtree(folder)
    (folder / "empty").mkdir(parents=True)
    return r"forest holds no file"


@pytest.mark.parametrize(
    "plant",
    [
        a_link,
        a_link_to_a_folder,
        a_dangling_link,
        a_link_called_like_a_cache,
        a_pipe,
        a_decomposed_name,
        a_name_without_a_text,
        a_line_end_in_a_name,
        a_backslash_in_a_name,
        names_that_differ_in_case,
        no_file,
    ],
)
def test_what_no_model_can_hold_is_refused_by_its_name(
    store: Store, tmp_path: Path, plant: Callable[[Path], str]
) -> None:
    folder = forest(tmp_path / "forest")
    message = plant(folder)
    for refuse in (store.files.digest, store.files.put):
        with pytest.raises(Refused, match=message):
            refuse(folder)
    assert not (store.root / "trees").exists()


def test_a_folder_has_a_limit_of_files_and_of_bytes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = forest(tmp_path / "forest")
    monkeypatch.setattr(tree, "MOST_ENTRIES", 3)
    with pytest.raises(Refused, match="more than 3 files and folders"):
        store.files.put(folder)
    monkeypatch.setattr(tree, "MOST_ENTRIES", 4)
    monkeypatch.setattr(tree, "MOST_BYTES", 7)
    with pytest.raises(Refused, match="forest has more than"):
        store.files.put(folder)
    monkeypatch.setattr(tree, "MOST_BYTES", 8)
    store.files.put(folder)


def test_a_folder_that_holds_the_store_is_not_a_model(store: Store) -> None:
    written(store.root.parent / "weights.bin", b"weights")
    for folder in (store.root.parent, store.root):
        with pytest.raises(BadInput, match="holds the store"):
            store.files.put(folder)


def test_a_folder_is_registered_once_and_found_again(store: Store, tmp_path: Path) -> None:
    first = registered(store, forest(tmp_path / "forest"))
    again = registered(store, forest(tmp_path / "copy" / "forest"))
    other = registered(store, forest(tmp_path / "other" / "forest", {**FOREST, "trees/1.bin": b"ten"}))
    assert (first.version, again.version, other.version) == (1, 1, 2)
    found = store.models.get("salary", 1)
    assert found is not None
    assert found.file == store.root / "trees" / first.sha256
    assert {name: file.read_bytes() for name, file in files_of(found.file).items()} == FOREST
    store.models.check(found)


def change(place: Path) -> None:
    (place / "config.json").chmod(0o600)
    (place / "config.json").write_bytes(b"[]")


def add(place: Path) -> None:
    written(place / "__pycache__" / "config.pyc", b"planted")


def link(place: Path) -> None:
    (place / "config.json").unlink()
    (place / "config.json").symlink_to(place / "trees" / "1.bin")


def take(place: Path) -> None:
    (place / "config.json").unlink()


@pytest.mark.parametrize("alter", [change, add, link, take, shutil.rmtree])
def test_a_folder_that_was_altered_is_refused_and_can_be_stored_again(
    store: Store, tmp_path: Path, alter: Callable[[Path], None]
) -> None:
    source = forest(tmp_path / "forest")
    model = registered(store, source)
    alter(model.file)
    with pytest.raises(Refused):
        store.models.check(model)
    store.files.put(source)
    store.models.check(model)


def test_a_missing_folder_is_named(store: Store, tmp_path: Path) -> None:
    model = registered(store, forest(tmp_path / "forest"))
    shutil.rmtree(model.file)
    with pytest.raises(Refused, match=f"{model.file} is missing"):
        store.models.check(model)
    with pytest.raises(
        Refused, match=rf"files/{model.sha256} \(a file\) or .*trees/{model.sha256} \(a folder\) is missing"
    ):
        store.files.check(model.sha256)


def test_a_folder_that_nothing_needs_is_removed(store: Store, tmp_path: Path) -> None:
    kept = registered(store, forest(tmp_path / "forest"))
    unused, place = store.files.put(forest(tmp_path / "unused", {"a.bin": b"12345"}))
    (found,) = store.garbage(keep=1)
    assert (found.kind, found.name, found.bytes, found.path) == ("folder", unused, 5, place)
    store.clean(1, command="lading gc")
    assert not place.exists()
    store.models.check(kept)


@pytest.mark.parametrize("alter", [change, add, link, take, shutil.rmtree])
def test_a_folder_is_repaired_from_what_was_laid_out_of_it(
    store: Store, root: Path, tmp_path: Path, alter: Callable[[Path], None]
) -> None:
    model = registered(store, forest(tmp_path / "forest"))
    package = packed(store, model, {"azureml-app/score.py": b"run = print"})
    home = store.work("deployments", "local", "salary") / "releases" / "1"
    home.parent.mkdir()
    lay_out(package, home)
    for name in FOREST:  # bytes of a link would be altered, too
        shutil.copyfile(model.file / name, home / "copy")
        (home / "copy").replace(home / "azureml-models" / "salary" / "1" / "forest" / name)
    alter(model.file)
    store.close()
    found = repair(root, fix=True, command="lading repair", wait=0)
    files = [one for one in found if one.kind == "file"]
    assert [(one.name, one.problem) for one in files] == [
        (f"trees/{model.sha256} (salary:1)", "missing" if alter is shutil.rmtree else "altered")
    ]
    assert "restore the copy" in files[0].remedy
    with closing(Store.open(root)) as again:
        again.models.check(model)
    assert [one for one in repair(root, fix=False, command="lading repair", wait=0) if one.kind == "file"] == []


def test_a_folder_is_laid_out_below_its_own_name(store: Store, tmp_path: Path) -> None:
    model = registered(store, forest(tmp_path / "forest"))
    package = packed(store, model, {"azureml-app/score.py": b"run = print"})
    place = lay_out(package, tmp_path / "release")
    assert place == tmp_path / "release" / "azureml-models" / "salary" / "1"
    assert {file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()} == {
        f"forest/{name}" for name in FOREST
    }
