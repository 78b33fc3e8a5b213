"""Runs, model versions, packages, releases, reuse and the journal, through their public methods."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.core.store.store_kit import packed, request_for, sha256, written

from lading.errors import BadInput, Refused, StageFailed
from lading.model import Column, Distribution, ModelReference, Models, ModelVersion, PackedFiles, Run, TrackedRun
from lading.store import Store

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def model(store: Store, tmp_path: Path) -> ModelVersion:
    return store.models.register(request_for(written(tmp_path / "model.joblib", b"model")))


def test_a_run_is_read_back_unchanged(store: Store, root: Path) -> None:
    run = Run(
        id="20250301-aa",
        name="salary",
        state="finished",
        started=NOW,
        ended=NOW,
        parameters={"nested": {"a": [1, None, "x"]}},
        metrics={"r2": 0.99, "coef": [1840.176151761518], "loss": None},
        inputs={"../data/sal.csv": "0" * 64},
        libraries={"scikit-learn": "1.7.2"},
        git_commit="c" * 40,
        git_dirty=True,
        model_sha256="1" * 64,
        tracked=(TrackedRun(tracker="mlflow", id="7", url="http://x"),),
    )
    store.runs.save(run)
    with closing(Store.open(root)) as again:
        assert again.runs.get(run.id) == run


def test_a_run_that_is_saved_again_replaces_the_first_one(store: Store) -> None:
    first, second = (
        Run(id="a1", name="salary", state="running", started=NOW),
        Run(id="a2", name="other", state="running", started=NOW),
    )
    for run in (first, second, replace(first, state="failed", error="no data")):
        store.runs.save(run)
    assert [(run.id, run.state) for run in store.runs.list()] == [("a2", "running"), ("a1", "failed")]
    assert [run.id for run in store.runs.list("salary")] == ["a1"]


def test_a_metric_that_json_cannot_hold_is_the_fault_of_the_script(store: Store) -> None:
    with pytest.raises(StageFailed, match="a value of type set is not JSON"):
        store.runs.save(Run(id="a", name="salary", state="finished", started=NOW, metrics={"labels": {1, 2}}))
    assert store.runs.list() == []


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 10**5000], ids=["nan", "-inf", "long"])
def test_a_number_that_json_cannot_hold_is_refused(store: Store, value: float) -> None:
    with pytest.raises(StageFailed, match="the store keeps only JSON"):
        store.runs.save(Run(id="a", name="salary", state="finished", started=NOW, metrics={"loss": value}))
    with pytest.raises(StageFailed, match="the store keeps only JSON"):
        store.reuse.put("key", "evaluate", {"metrics": {"loss": value}})
    assert store.runs.list() == []


def test_a_number_that_is_not_finite_in_an_older_record_is_read_as_none(store: Store, root: Path) -> None:
    for state in ("running", "finished"):
        store.runs.save(Run(id=state, name="salary", state=state, started=NOW, metrics={"loss": 0.5}))
    store.close()
    with closing(sqlite3.connect(root / "store.db")) as connection, connection:
        connection.execute("UPDATE runs SET record = replace(record, '0.5', 'NaN')")
    with closing(Store.open(root)) as again:
        (run,) = again.runs.running("salary")
        assert (run.id, run.metrics) == ("running", {"loss": None})
        again.runs.interrupt(run)
        assert again.runs.running() == []
        again.runs.add_tracked("finished", TrackedRun(tracker="mlflow", id="7"))
    with closing(sqlite3.connect(root / "store.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs WHERE json_valid(record)").fetchone() == (2,)


def test_runs_are_newest_first_even_if_the_clock_jumps_back(store: Store) -> None:
    store.runs.save(Run(id="a", name="salary", state="finished", started=NOW))
    store.runs.save(Run(id="b", name="salary", state="finished", started=NOW.replace(year=1999)))
    assert [run.id for run in store.runs.list()] == ["b", "a"]


def test_a_run_is_found_by_the_start_of_its_id(store: Store) -> None:
    for id_ in ("2025-a", "2025-ab", "2025-b%"):
        store.runs.save(Run(id=id_, name="salary", state="finished", started=NOW))
    found = {prefix: store.runs.get(prefix) for prefix in ("2025-b", "2025-a", "2025-ab", "2026", "%", "")}
    assert {prefix: run.id if run else None for prefix, run in found.items()} == {
        "2025-b": "2025-b%",
        "2025-a": "2025-a",
        "2025-ab": "2025-ab",
        "2026": None,
        "%": None,
        "": None,
    }
    with pytest.raises(BadInput, match="several runs start with '2025'") as ambiguous:
        store.runs.get("2025")
    assert ambiguous.value.hint == "name one of 2025-a, 2025-ab, 2025-b%"


def test_a_run_has_one_record_per_tracker(store: Store) -> None:
    store.runs.save(Run(id="a", name="salary", state="running", started=NOW))
    for tracked in (
        TrackedRun(tracker="mlflow", id="1"),
        TrackedRun(tracker="azureml", id="2"),
        TrackedRun(tracker="mlflow", id="3", url="http://x"),
    ):
        store.runs.add_tracked("a", tracked)
    run = store.runs.get("a")
    assert run is not None
    assert run.tracked == (TrackedRun(tracker="azureml", id="2"), TrackedRun(tracker="mlflow", id="3", url="http://x"))
    with pytest.raises(BadInput, match="no run 'b'"):
        store.runs.add_tracked("b", TrackedRun(tracker="mlflow", id="1"))


def test_a_model_version_is_read_back_unchanged(store: Store, tmp_path: Path) -> None:
    models: Models = store.models  # the contract of the registry plugins
    file, module = written(tmp_path / "m", b"model"), written(tmp_path / "train.py", b"x = 1")
    request = request_for(
        file,
        description="Salary",
        tags={"key": "1"},
        run=Run(id="r1", name="salary", state="finished", started=NOW),
        columns=(Column(name="x", dtype="int64"),),
        label=Column(name="y", dtype="float64"),
        distributions={f"d{n}": Distribution(version="1.0", requires=("x>=1; extra == 'y'",)) for n in range(120)},
        modules=(module,),
    )
    model = models.register(request)
    assert model == models.get("salary") == models.get("salary", 1) == models.list()[0]
    assert (model.version, model.sha256, model.run) == (1, sha256(b"model"), "r1")
    assert (model.columns, model.label) == (request.columns, request.label)
    assert model.distributions == request.distributions
    assert model.file.read_bytes() == b"model"
    assert [(path.name, path.read_bytes()) for path in model.modules] == [("train.py", b"x = 1")]
    assert models.get("salary", 2) is None
    assert models.get("other") is None
    assert models.list("other") == []


def test_the_same_bytes_are_the_same_version_with_updated_fields(store: Store, tmp_path: Path) -> None:
    first, second = (written(tmp_path / name, name.encode()) for name in ("one", "two"))
    known = store.models.register(
        request_for(first, run=Run(id="r1", name="salary", state="finished", started=NOW), tags={"a": "1"})
    )
    store.models.refer("salary", 1, ModelReference(registry="azureml", name="salary", version="12"))
    assert store.models.register(request_for(second)).version == 2
    newer = {"scikit-learn": Distribution(version="1.8")}
    again = store.models.register(
        request_for(
            first,
            run=Run(id="r2", name="salary", state="finished", started=NOW),
            description="d",
            tags={},
            distributions=newer,
        )
    )
    assert again == store.models.get("salary", 1)
    assert (again.version, again.created, again.run) == (1, known.created, "r1")
    assert (again.description, again.tags, again.distributions) == ("d", {}, newer)
    assert again.references == (ModelReference(registry="azureml", name="salary", version="12"),)
    assert [model.version for model in store.models.list("salary")] == [2, 1]
    assert store.models.register(request_for(first, "other")).version == 1


def test_other_modules_give_another_version(store: Store, tmp_path: Path) -> None:
    file, module = written(tmp_path / "m", b"model"), tmp_path / "train.py"
    old = store.models.register(request_for(file, modules=(written(module, b"x = 1"),)))
    new = store.models.register(request_for(file, modules=(written(module, b"x = 2"),)))
    assert (old.version, new.version) == (1, 2)
    assert [version.modules[0].read_bytes() for version in (old, new)] == [b"x = 1", b"x = 2"]
    assert store.models.register(request_for(file, modules=(module,))).version == 2


def test_another_scoring_script_gives_another_version(store: Store, tmp_path: Path) -> None:
    file, script = written(tmp_path / "m", b"model"), tmp_path / "score.py"
    plain = store.models.register(request_for(file))
    old = store.models.register(request_for(file, scoring=written(script, b"x = 1")))
    as_module = store.models.register(request_for(file, modules=(script,)))
    new = store.models.register(request_for(file, scoring=written(script, b"x = 2")))
    assert [one.version for one in (plain, old, as_module, new)] == [1, 2, 3, 4]
    assert [one.scoring and one.scoring.read_bytes() for one in (plain, old, new)] == [None, b"x = 1", b"x = 2"]
    assert store.models.register(request_for(file, scoring=script)) == new == store.models.get("salary")
    assert store.models.register(request_for(file)).version == 1


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_version_with_another_scoring_script_is_refused(store: Store, tmp_path: Path, is_missing: bool) -> None:
    file, script = written(tmp_path / "m", b"model"), written(tmp_path / "score.py", b"x = 1")
    model = store.models.register(request_for(file, scoring=script))
    assert model.scoring is not None
    store.models.check(model)
    model.scoring.unlink()
    if not is_missing:
        written(model.scoring, b"x = 2")
    with pytest.raises(Refused, match=r"score\.py (is missing|was altered)"):
        store.models.check(model)


def test_a_version_has_one_record_per_registry(store: Store, model: ModelVersion) -> None:
    for version in ("1", "2"):
        store.models.refer("salary", 1, ModelReference(registry="azureml", name="salary", version=version))
    store.models.refer("salary", 1, ModelReference(registry="mlflow", name="salary", version="9"))
    known = store.models.get("salary", 1)
    assert known is not None
    assert [(note.registry, note.version) for note in known.references] == [("azureml", "2"), ("mlflow", "9")]
    with pytest.raises(BadInput, match="no model 'salary:2'"):
        store.models.refer("salary", 2, ModelReference(registry="mlflow", name="salary", version="9"))


def test_a_file_with_another_digest_is_refused(store: Store, tmp_path: Path) -> None:
    file = written(tmp_path / "m", b"other")
    request = replace(request_for(file), sha256=sha256(b"model"))
    with pytest.raises(Refused) as refused:
        store.models.register(request)
    assert sha256(b"model") in refused.value.message
    assert sha256(b"other") in refused.value.message
    assert store.models.list() == []
    with pytest.raises(BadInput, match=r"no such file: .*absent"):
        store.models.register(replace(request, file=tmp_path / "absent"))


def alter(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o400)


def test_an_altered_model_is_refused_with_both_digests_until_it_is_restored(
    store: Store, tmp_path: Path, model: ModelVersion
) -> None:
    store.files.check(model.sha256)
    alter(model.file, b"MODEL")
    with pytest.raises(Refused) as refused:
        store.files.check(model.sha256)
    assert model.sha256 in refused.value.message
    assert sha256(b"MODEL") in refused.value.message
    with pytest.raises(Refused):
        store.models.register(replace(request_for(tmp_path / "model.joblib"), file=model.file))
    assert store.models.register(request_for(tmp_path / "model.joblib")) == store.models.get("salary", 1)
    store.files.check(model.sha256)
    model.file.unlink()
    with pytest.raises(Refused, match="is missing"):
        store.files.check(model.sha256)


def test_a_file_in_scratch_is_linked_and_any_other_is_copied(store: Store, tmp_path: Path) -> None:
    with store.scratch() as folder:
        trained = written(folder / "model", b"trained")
        digest, path = store.files.put(trained)
        assert path.samefile(trained)
    own = written(tmp_path / "model", b"finished")
    _, copied = store.files.put(own, sha256(b"finished"))
    own.write_bytes(b"retrained")
    store.files.check(sha256(b"finished"))
    assert (path, digest) == (store.files.path(digest), sha256(b"trained"))
    assert (path.read_bytes(), copied.read_bytes()) == (b"trained", b"finished")
    assert store.files.put(path) == (digest, path)


FILES = {"azureml-app/score.py": b"run = print", "conda.yml": b"dependencies: []"}


def test_a_package_is_identified_by_its_files_and_its_model(store: Store, tmp_path: Path, model: ModelVersion) -> None:
    package = packed(store, model, FILES)
    assert package.folder.name == package.digest
    assert {str(p.relative_to(package.folder)) for p in package.folder.rglob("*") if p.is_file()} == set(FILES)
    assert (package.scoring_script, package.python, package.requirements) == ("score.py", "3.11", ("numpy==2.3.4",))
    assert store.packages.get(package.digest, model) == package
    retold = replace(model, version=9, description="other", tags={"a": "b"}, file=Path("/elsewhere"))
    assert packed(store, retold, FILES).digest == package.digest
    others = [
        packed(store, model, FILES | {"conda.yml": b"dependencies: [x]"}),
        packed(store, model, {"azureml-app/main.py": b"run = print", "conda.yml": b"dependencies: []"}),
        packed(store, model, FILES | {"extra": b""}),
        packed(store, replace(model, name="other"), FILES),
        packed(store, replace(model, file_name="other"), FILES),
        packed(store, replace(model, sha256="0" * 64), FILES),
    ]
    assert len({package.digest, *(other.digest for other in others)}) == 1 + len(others)
    with closing(Store.open(tmp_path / "another" / ".lading")) as another:
        assert packed(another, model, FILES).digest == package.digest


def test_a_package_for_another_model_is_not_found(store: Store, model: ModelVersion) -> None:
    package = packed(store, model, FILES)
    assert store.packages.get(package.digest, replace(model, sha256="0" * 64)) is None
    assert store.packages.get("0" * 64, model) is None


def test_an_executable_script_gives_another_package_and_stays_executable(store: Store, model: ModelVersion) -> None:
    plain = packed(store, model, {"run.sh": b"#!/bin/sh"})
    with store.scratch() as folder:
        written(folder / "run.sh", b"#!/bin/sh").chmod(0o755)
        package = store.packages.put(
            folder, PackedFiles(scoring_script="score.py", python="3.11", requirements=()), model
        )
    assert package.digest != plain.digest
    assert os.access(package.folder / "run.sh", os.X_OK)
    assert store.packages.get(package.digest, model) == package


@pytest.mark.parametrize("damage", ["alter", "remove", "add", "link", "gone"])
def test_an_altered_package_is_not_found_and_can_be_stored_again(
    store: Store, model: ModelVersion, damage: str
) -> None:
    package = packed(store, model, FILES)
    script = package.folder / "azureml-app" / "score.py"
    if damage == "alter":
        alter(script, b"run = exec.")
    elif damage == "remove":
        script.unlink()
    elif damage == "add":
        written(package.folder / "sitecustomize.py", b"")
    elif damage == "link":
        script.rename(script.parent.parent.parent.parent / "score.py")
        script.symlink_to(script.parent.parent.parent.parent / "score.py")
    else:
        package.folder.rename(package.folder.parent / "away")
    assert store.packages.get(package.digest, model) is None
    assert packed(store, model, FILES) == package
    assert store.packages.get(package.digest, model) == package
    assert script.read_bytes() == b"run = print"


def test_an_intact_package_is_kept(store: Store, model: ModelVersion) -> None:
    before = packed(store, model, FILES).folder.stat().st_ino
    assert packed(store, model, FILES).folder.stat().st_ino == before


def test_a_link_in_a_package_is_refused(store: Store, model: ModelVersion) -> None:
    with store.scratch() as folder:
        (folder / "score.py").symlink_to("/etc/passwd")
        with pytest.raises(Refused, match=r"score\.py is neither"):
            store.packages.put(folder, PackedFiles(scoring_script="score.py", python="3.11", requirements=()), model)
    assert not (store.root / "packages").exists()


def test_a_release_that_is_up_supersedes_the_previous_one(store: Store, root: Path, model: ModelVersion) -> None:
    package = packed(store, model, FILES)
    first = store.releases.begin("salary-svc", "local", package)
    assert (first.number, first.state, first.model, first.model_version) == (1, "pending", "salary", 1)
    assert store.releases.pending("salary-svc", "local") == [first]
    first = store.releases.finish(first, "up")
    second = store.releases.begin("salary-svc", "local", package)
    assert store.releases.current("salary-svc", "local") == first
    second = store.releases.finish(second, "up")
    third = store.releases.finish(store.releases.begin("salary-svc", "local", package), "refused", "answered 500")
    elsewhere = store.releases.begin("salary-svc", "aci", package)
    with closing(Store.open(root)) as again:
        assert again.releases.current("salary-svc", "local") == second
        assert again.releases.pending("salary-svc", "local") == []
        history = again.releases.list("salary-svc", "local")
        assert history == [third, second, replace(first, state="superseded")]
        assert history[0].reason == "answered 500"
        assert again.releases.list() == [elsewhere, *history]
        assert again.releases.list(target="aci") == [elsewhere]
        assert elsewhere.number == 1


def test_a_release_that_is_up_can_be_confirmed_and_deleted(store: Store, model: ModelVersion) -> None:
    release = store.releases.begin("salary-svc", "local", packed(store, model, FILES))
    assert store.releases.finish(store.releases.finish(release, "up"), "up").state == "up"
    store.releases.finish(release, "deleted")
    assert store.releases.current("salary-svc", "local") is None
    with pytest.raises(BadInput, match="has no release 7"):
        store.releases.finish(replace(release, number=7), "up")


def test_outputs_are_reused_by_key(store: Store, root: Path) -> None:
    store.reuse.put("key", "train", {"sha256": "1", "columns": (("x", "int64"),)})
    store.reuse.put("key", "train", {"sha256": "2", "columns": (("x", "int64"),)})
    with closing(Store.open(root)) as again:
        assert again.reuse.get("key") == {"sha256": "2", "columns": [["x", "int64"]]}
        assert again.reuse.get("other") is None


def test_an_intent_is_open_until_its_outcome_is_known(store: Store, root: Path) -> None:
    ids = [store.journal.intend("salary-svc", "aci", f"create/{n}") for n in range(4)]
    store.journal.intend("salary-svc", "aks", "create/0")
    store.journal.settle(ids[0], "done")
    store.journal.settle(ids[1], "failed")
    store.journal.settle(ids[2], "unknown")
    with closing(Store.open(root)) as again:
        intents = again.journal.open("salary-svc", "aci")
        assert [(intent.id, intent.name) for intent in intents] == [(ids[2], "create/2"), (ids[3], "create/3")]
        assert intents[0].at.tzinfo is UTC
        again.journal.settle(ids[2], "done")
    assert [intent.id for intent in store.journal.open("salary-svc", "aci")] == [ids[3]]
