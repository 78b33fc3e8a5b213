"""Repair: after any damage, acknowledged data is restored and no byte is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.store.store_kit import packed, release_file, request_for, written

from lading.errors import BadInput, Locked, Refused
from lading.model import ModelReference, Run
from lading.store import Store
from lading.store.findings import Finding
from lading.store.ledger import Ledger
from lading.store.repair import repair
from lading.store.report import grant_trust

rules = settings(max_examples=6, database=None)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store with runs, model versions, packages, releases and outputs."""
    folder = tmp_path_factory.mktemp("shipped")
    root = folder / ".lading"
    with closing(Store.open(root)) as store:
        for number in range(6):
            store.runs.save(
                Run(id=f"run-{number}", name="salary", state="finished", started=NOW, metrics={"r2": 1 / (number + 1)})
            )
            list(release_file(store, written(folder / f"{number}.py", f"bytes {number}".encode())))
            store.reuse.put(f"key {number}", "register", {"name": "salary", "version": number + 1})
        store.models.refer("salary", 2, ModelReference(registry="azureml", name="salary", version="7"))
    return root


@contextmanager
def copied(shipped: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(shipped, Path(folder) / ".lading"))
        grant_trust(root, os.environ)
        yield root


def knowledge(root: Path) -> dict[str, Any]:
    """All acknowledged data of a store, without its path."""
    with closing(Store.open(root)) as store:
        models = [
            replace(m, file=m.file.relative_to(root), modules=tuple(x.relative_to(root) for x in m.modules))
            for m in store.models.list()
        ]
        outputs = [store.reuse.get(f"key {number}") for number in range(6)]
        return {"runs": store.runs.list(), "models": models, "releases": store.releases.list(), "outputs": outputs}


def looked_at(root: Path) -> list[Finding]:
    """The findings of a repair without `fix`. It must not change anything."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.parent.name != "locks"}
    found = repair(root, fix=False, command="lading repair", wait=0)
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.parent.name != "locks"}
    assert after == before
    return found


def put_right(root: Path) -> list[Finding]:
    said = looked_at(root)
    found = repair(root, fix=True, command="lading repair", wait=0)
    assert [(one.kind, one.name, one.problem) for one in found] == [(one.kind, one.name, one.problem) for one in said]
    assert not [one for one in looked_at(root) if one.repairs]
    return found


def kinds(found: list[Finding]) -> set[str]:
    return {finding.kind for finding in found}


def overwrite(file: Path, place: float, noise: bytes) -> None:
    """Overwrite a part of a file, and keep its length."""
    data = bytearray(file.read_bytes())
    start = int(place * max(0, len(data) - len(noise)))
    data[start : start + len(noise)] = noise
    file.chmod(0o600)
    file.write_bytes(data)


places, noises = st.floats(0, 1), st.binary(min_size=1, max_size=3000)


def test_an_intact_store_has_no_problems(shipped: Path) -> None:
    assert looked_at(shipped) == []


@rules
@given(place=places, noise=noises)
def test_a_database_overwritten_anywhere_is_restored(shipped: Path, place: float, noise: bytes) -> None:
    with copied(shipped) as root:
        overwrite(root / "store.db", place, noise)
        broken = (root / "store.db").read_bytes()
        put_right(root)
        assert knowledge(root) == knowledge(shipped)
        aside = [path.read_bytes() for path in root.glob("damaged/*/store.db")]
        assert aside in ([broken], [])  # an unused page may hold anything


@rules
@given(length=st.floats(0, 0.999))
def test_a_truncated_database_is_restored(shipped: Path, length: float) -> None:
    with copied(shipped) as root:
        os.truncate(root / "store.db", int(length * (root / "store.db").stat().st_size))
        with pytest.raises(Refused, match="is damaged"):
            Store.open(root)
        assert "database" in kinds(put_right(root))
        assert knowledge(root) == knowledge(shipped)


@rules
@given(place=places, noise=noises)
def test_a_damaged_ledger_is_written_again(shipped: Path, place: float, noise: bytes) -> None:
    with copied(shipped) as root:
        overwrite(root / "store.ledger", place, noise)
        put_right(root)
        assert Ledger(root / "store.ledger").read()[1] == 0
        assert knowledge(root) == knowledge(shipped)
        (root / "store.db").unlink()  # the ledger can rebuild it
        put_right(root)
        assert knowledge(root) == knowledge(shipped)


@rules
@given(place=places, noise=noises, other=places, more=noises)
def test_if_both_are_damaged_the_records_of_either_are_kept(
    shipped: Path, place: float, noise: bytes, other: float, more: bytes
) -> None:
    with copied(shipped) as root:
        overwrite(root / "store.db", place, noise)
        overwrite(root / "store.ledger", other, more)
        said = {tuple(row[:2]) for row in Ledger(root / "store.ledger").read()[0] if row[0] == "models"}
        put_right(root)
        known = knowledge(root)
        assert len(known["models"]) >= len(said)
        shipped_models = {model.version: model for model in knowledge(shipped)["models"]}
        for model in known["models"]:
            expected = shipped_models[model.version]
            without = replace(expected, distributions={})
            assert model in (expected, without) or model.version == 2


def test_a_model_is_kept_even_if_its_distributions_are_lost(shipped: Path) -> None:
    with copied(shipped) as root:
        ledger = Ledger(root / "store.ledger")
        ledger.rewrite([row for row in ledger.read()[0] if row[0] != "distributions"])
        os.truncate(root / "store.db", 0)
        (found,) = [finding for finding in put_right(root) if finding.kind == "database"]
        models = knowledge(shipped)["models"]
        assert found.remedy.endswith(f"; the recorded distributions of {len(models)} model versions are lost")
        assert knowledge(root)["models"] == [replace(model, distributions={}) for model in models]


@pytest.mark.parametrize("lost", [("store.db",), ("store.ledger",), ("store.db", "store.ledger")])
def test_missing_files_are_repaired(shipped: Path, lost: tuple[str, ...]) -> None:
    with copied(shipped) as root:
        for name in lost:
            (root / name).unlink()
        if "store.db" in lost:
            with pytest.raises(Refused, match=r"store\.db is missing") as refused:
                Store.open(root)
            assert "`lading repair`" in (refused.value.hint or "")
        put_right(root)
        expected = knowledge(shipped) if len(lost) == 1 else {"runs": [], "models": [], "releases": []}
        assert knowledge(root).items() >= expected.items()


def test_the_journal_of_a_missing_database_is_not_applied_to_the_next_one(shipped: Path) -> None:
    with copied(shipped) as root:
        (root / "store.db").unlink()
        (root / "store.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\1" * 1000)
        put_right(root)
        assert knowledge(root) == knowledge(shipped)
        assert len(list(root.glob("damaged/*/store.db-journal"))) == 1


def test_a_newer_store_is_left_unchanged(shipped: Path) -> None:
    with copied(shipped) as root:
        with closing(sqlite3.connect(root / "store.db")) as newer:
            newer.execute("PRAGMA user_version = 7")
        whole = (root / "store.db").read_bytes()
        with pytest.raises(Refused, match=r"format 7, .*reads format 3") as refused:
            repair(root, fix=True, command="lading repair", wait=0)
        assert "--upgrade lading" in (refused.value.hint or "")
        assert (root / "store.db").read_bytes() == whole


@rules
@given(data=st.data(), place=places, noise=noises)
def test_an_altered_file_is_moved_aside_and_replaced_by_a_copy(
    shipped: Path, data: st.DataObject, place: float, noise: bytes
) -> None:
    with copied(shipped) as root:
        stored = sorted([*root.glob("files/*"), *root.glob("modules/*/*"), *root.glob("packages/*/*/*")])
        file = data.draw(st.sampled_from(stored))
        whole, laid_out = file.read_bytes(), root / "work" / "x" / "azureml-models" / "salary" / "1" / "model"
        has_copy = data.draw(st.booleans()) and "packages" not in file.parts
        if has_copy:
            (root / "work").mkdir(0o700)
            written(laid_out, whole)
        overwrite(file, place, noise)
        if file.read_bytes() == whole:
            return
        broken = file.read_bytes()
        (found,) = put_right(root)
        assert found.problem == "altered"
        assert [path.read_bytes() for path in root.glob(f"damaged/*/{file.relative_to(root)}")] == [broken]
        if has_copy:
            assert file.read_bytes() == whole
            assert looked_at(root) == []
        assert knowledge(root) == knowledge(shipped)


def test_a_missing_file_without_a_copy_is_reported_and_its_version_stays(shipped: Path) -> None:
    with copied(shipped) as root:
        file = sorted(root.glob("files/*"))[0]
        with closing(Store.open(root)) as store:
            store.reuse.put("training", "train", {"sha256": file.name, "distributions": file.name})
        file.unlink()
        (found,) = put_right(root)
        assert "the next `lading deploy` creates it again" in found.remedy
        (left,) = looked_at(root)
        assert "restore a copy of it" in left.remedy
        assert not left.repairs
        with closing(Store.open(root)) as store:
            assert store.reuse.get("training") is None
        assert knowledge(root)["models"] == knowledge(shipped)["models"]


@pytest.mark.parametrize("is_registered", [True, False])
def test_a_missing_scoring_script_is_restored_from_a_package(shipped: Path, is_registered: bool) -> None:
    with copied(shipped) as root:
        script = add_script(root, b"run = print", is_registered)  # as in each package of the fixture
        script.unlink()
        (found,) = put_right(root)
        assert (found.name, found.problem) == (str(script.relative_to(root)), "missing")
        assert "restore the copy in packages/" in found.remedy
        assert script.read_bytes() == b"run = print"


def test_the_training_of_a_lost_scoring_script_is_repeated(shipped: Path) -> None:
    with copied(shipped) as root:
        add_script(root, b"run = 1", is_registered=False).unlink()
        (found,) = put_right(root)
        assert "the next `lading deploy` creates it again" in found.remedy
        with closing(Store.open(root)) as store:
            assert store.reuse.get("training") is None


def add_script(root: Path, content: bytes, is_registered: bool) -> Path:
    """Store a model with a scoring script, as a version or as the output of a training."""
    file, script = written(root.parent / "mean.txt", b"7"), written(root.parent / "average_score.py", content)
    with closing(Store.open(root)) as store:
        if is_registered:
            found = store.models.register(request_for(file, "mean", scoring=script)).scoring
            assert found is not None
            return found
        digest, _ = store.files.put(file)
        sha256, path = store.files.put(script, name=script.name)
        output = {"sha256": digest, "distributions": digest, "scoring": f"{sha256}/{script.name}"}
        store.reuse.put("training", "train", output)
        return path


def test_the_record_of_a_missing_package_is_removed_so_that_it_is_made_again(shipped: Path) -> None:
    with copied(shipped) as root:
        package = sorted(root.glob("packages/*"))[0]
        with closing(Store.open(root)) as store:
            store.reuse.put("packaging", "package", package.name)
        shutil.rmtree(package)
        assert kinds(put_right(root)) == {"package"}
        with closing(Store.open(root)) as store:
            assert store.reuse.get("packaging") is None


def test_leftovers_of_dead_processes_are_handled(shipped: Path) -> None:
    with copied(shipped) as root:
        with closing(Store.open(root)) as store:
            store.runs.save(Run(id="dead", name="salary", state="running", started=NOW))
            store.runs.save(Run(id="alive", name="cost", state="running", started=NOW))
            store.journal.intend("salary-svc", "local", "local/salary-svc/7")
            with store.lock("train/cost", command="lading train", wait=0):
                (root / "tmp" / "0123456789abcdef").mkdir()
                assert kinds(put_right(root)) == {"run", "effect", "scratch"}
            assert [run.state for run in store.runs.list()[:2]] == ["running", "failed"]
            dead = store.runs.get("dead")
            assert dead is not None
            assert dead.error == "interrupted: its process died"
        assert not list(root.glob("tmp/*"))


@rules
@given(data=st.data(), mode=st.sampled_from([0o777, 0o640, 0o604, 0o755, 0o620]))
def test_paths_open_to_others_are_closed(shipped: Path, data: st.DataObject, mode: int) -> None:
    with copied(shipped) as root:
        path = data.draw(st.sampled_from(sorted([root, *root.rglob("*")])))
        path.chmod(mode | (0o700 if path.is_dir() else 0))
        found = put_right(root)
        assert "mode" in kinds(found)
        assert not path.exists() or stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert knowledge(root) == knowledge(shipped)


def test_repair_waits_for_commands_that_use_the_store(shipped: Path) -> None:
    with copied(shipped) as root, closing(Store.open(root)) as store, store.in_use():
        looked_at(root)
        with pytest.raises(Locked):
            repair(root, fix=True, command="lading repair", wait=0)


def test_repair_without_a_store_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no store"):
        repair(tmp_path / ".lading", fix=False, command="lading repair", wait=0)


def test_cleaning_leaves_a_ledger_of_the_remaining_records(shipped: Path) -> None:
    with copied(shipped) as root:
        with closing(Store.open(root)) as store:
            model = store.models.list()[0]
            unused = packed(store, model, {"azureml-app/score.py": b"run = len"})
            store.clean(1, command="lading gc")
            assert store.packages.get(unused.digest, model) is None
        (root / "store.db").unlink()
        assert kinds(put_right(root)) == {"database"}  # and not a missing package


def test_an_incomplete_line_costs_only_itself(shipped: Path) -> None:
    with copied(shipped) as root:
        with (root / "store.ledger").open("ab") as ledger:
            ledger.write(b'\n01234567 [["models",')
        with closing(Store.open(root)) as store:
            store.models.register(request_for(written(root.parent / "late", b"late")))
        known = knowledge(root)
        (root / "store.db").unlink()
        put_right(root)
        assert knowledge(root) == known


@pytest.mark.parametrize("text", [b'"rows"', b"[7]", b"[[]]", b"{", b"null"])
def test_a_line_without_rows_is_damaged(shipped: Path, text: bytes) -> None:
    with copied(shipped) as root:
        known = knowledge(root)
        with (root / "store.ledger").open("ab") as ledger:
            ledger.write(b"\n%08x %s" % (zlib.crc32(text), text))
        (root / "store.db").unlink()
        put_right(root)
        assert knowledge(root) == known


@pytest.mark.parametrize(
    ("name", "noise"),
    [(b"CREATE INDEX runs_by", b"CREATE INDEZ run\xff\xfeby"), (b"CREATE TABLE runs", b"CREATE TABLE run\xff")],
)
def test_a_damaged_name_in_the_schema_is_damage(shipped: Path, name: bytes, noise: bytes) -> None:
    with copied(shipped) as root:
        database = root / "store.db"
        database.write_bytes(database.read_bytes().replace(name, noise))
        with pytest.raises(Refused, match="is damaged"):
            Store.open(root)
        put_right(root)
        assert knowledge(root) == knowledge(shipped)
