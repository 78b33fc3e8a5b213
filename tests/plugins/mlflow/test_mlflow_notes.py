"""The facts that are logged of a run and a model, and the order of the requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.hook_kit import SHA, MemoryContext, a_registration

from lading import (
    BadInput,
    Column,
    Distribution,
    LadingError,
    ModelReference,
    PluginError,
    RegisterRequest,
    Run,
    StageFailed,
    TrackedRun,
)
from lading_mlflow import lading_describe, lading_track
from lading_mlflow.contents import requirements, write_contents
from lading_mlflow.options import MlflowOptions
from lading_mlflow.port import Notes
from lading_mlflow.registry import register
from lading_mlflow.tracking import track

START, END = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
URI = "https://mlflow.example"


@dataclass
class MemoryServer:
    """The port in memory: its objects, and the requests that it received."""

    run: str | None = None
    version: str | None = None
    asked: list[Any] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    refuses: LadingError | None = None

    def find_run(self, tag: str, value: str) -> str | None:
        self.asked.append(("find_run", tag, value))
        return self.run

    def create_run(self, name: str, started: datetime, tags: Mapping[str, str]) -> str:
        self.asked.append(("create_run", name, tags))
        return "r9"

    def note(self, run: str, notes: Notes, at: datetime) -> None:
        self.asked.append(("note", run, notes, at))

    def end_run(self, run: str, status: str, ended: datetime) -> None:
        self.asked.append(("end_run", run, status))

    def upload(self, run: str, folder: Path, name: str) -> str:
        self.files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        self.asked.append(("upload", run, name))
        return f"mlflow-artifacts:/7/{run}/{name}"

    def attach(self, run: str, files: Sequence[Path], name: str) -> None:
        self.asked.append(("attach", run, [file.name for file in files], name))
        if self.refuses:
            raise self.refuses

    def find_version(self, model: str, tag: str, value: str) -> str | None:
        self.asked.append(("find_version", model, tag, value))
        return self.version

    def create_model(self, model: str) -> None:
        self.asked.append(("create_model", model))

    def create_version(self, model: str, source: str, run: str, tags: Mapping[str, str], description: str) -> str:
        self.asked.append(("create_version", model, source, run, tags, description))
        return "1"

    def run_url(self, run: str) -> str:
        return f"{URI}/runs/{run}"

    def version_url(self, model: str, version: str) -> str:
        return f"{URI}/models/{model}/{version}"

    @property
    def notes(self) -> Notes:
        (found,) = [asked[2] for asked in self.asked if asked[0] == "note"]
        assert isinstance(found, Notes)
        return found


def a_run(**fields: Any) -> Run:
    given: dict[str, Any] = {"id": "a1", "name": "price", "state": "finished", "started": START, "ended": END}
    return Run(**{**given, **fields})


def notes_of(**fields: Any) -> Notes:
    server = MemoryServer(run="r1")
    track(server, a_run(**fields))
    return server.notes


def test_the_plugin_describes_itself() -> None:
    assert lading_describe().options is MlflowOptions


def test_a_run_is_created_noted_and_ended_in_that_order() -> None:
    server = MemoryServer()
    assert track(server, a_run()) == TrackedRun(tracker="mlflow", id="r9", url=f"{URI}/runs/r9")
    assert server.asked == [
        ("find_run", "lading.run", "a1"),
        ("create_run", "a1", {"lading.run": "a1"}),
        ("note", "r9", Notes({}, {}, {"lading.service": "price"}), END),
        ("end_run", "r9", "FINISHED"),
    ]


@pytest.mark.parametrize(
    ("state", "ended", "expected"),
    [("running", None, []), ("finished", END, ["FINISHED"]), ("failed", END, ["FAILED"]), ("failed", None, ["FAILED"])],
)
def test_an_existing_run_is_continued(state: str, ended: datetime | None, expected: list[str]) -> None:
    server = MemoryServer(run="r1")
    track(server, a_run(state=state, ended=ended))
    assert [asked for asked in server.asked if asked[0] == "create_run"] == []
    assert [asked[2] for asked in server.asked if asked[0] == "end_run"] == expected


def test_each_step_of_a_metric_is_logged_as_its_history() -> None:
    notes = notes_of(metrics={"loss": 0.5, "loss.steps": [[0, 1.0], [1, None], [2, 0.5]], "r2": 0.9})
    assert notes.steps == {"loss": [(0, 1.0), (2, 0.5)]}
    assert notes.metrics == {"r2": 0.9}
    assert notes_of(metrics={"loss.steps": [["a", 1.0]]}).steps == {}


@pytest.mark.parametrize("state", ["running", "finished", "failed"])
def test_parameters_wait_until_they_are_final(state: str) -> None:
    found = notes_of(state=state, parameters={"alpha": 0.5})
    assert found.parameters == ({} if state == "running" else {"alpha": "0.5"})


@pytest.mark.parametrize(
    ("value", "text"),
    [("l1", "l1"), (0.5, "0.5"), (True, "true"), (None, "null"), ([1, "a"], '[1, "a"]'), ({"c": 1}, '{"c": 1}')],
)
def test_a_parameter_is_text(value: Any, text: str) -> None:
    assert notes_of(parameters={"p": value}).parameters == {"p": text}


@pytest.mark.parametrize(
    ("metrics", "numbers", "tags"),
    [
        ({"r2": 0.75, "n": 9}, {"r2": 0.75, "n": 9.0}, {}),
        ({"by": {"port": {"r2": 1}}, "folds": [1.5, 2]}, {"by.port.r2": 1.0, "folds.0": 1.5, "folds.1": 2.0}, {}),
        ({"good": True, "best": "ridge"}, {}, {"lading.metric.good": "true", "lading.metric.best": "ridge"}),
        ({"r2": float("nan")}, {}, {"lading.metric.r2": "NaN"}),
        ({"r2": float("inf")}, {"r2": float("inf")}, {}),
        ({"none": None}, {}, {"lading.metric.none": "null"}),
        ({"empty": {}, "none": []}, {}, {}),
    ],
)
def test_numbers_are_metrics_and_all_else_is_a_tag(
    metrics: dict[str, Any], numbers: dict[str, float], tags: dict[str, str]
) -> None:
    found = notes_of(metrics=metrics)
    assert found.metrics == numbers
    assert found.tags == {"lading.service": "price", **tags}


def test_a_run_lists_its_inputs() -> None:
    found = notes_of(
        inputs={"../data/sal.csv": "aa", "train.py": "bb"},
        libraries={"scikit-learn": "1.7.2"},
        git_commit="c0ffee",
        model_sha256=SHA,
        error="lost",
    )
    assert found.tags == {
        "lading.service": "price",
        "lading.model": SHA,
        "mlflow.source.git.commit": "c0ffee",
        "lading.input.data_sal.csv": "aa",
        "lading.input.train.py": "bb",
        "lading.library.scikit-learn": "1.7.2",
        "lading.error": "lost",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("r2", "r2"),
        ("a b-c.d_e", "a b-c.d_e"),
        ("a/b:c", "a_b_c"),
        ("..hidden", "hidden"),
        ("", "_"),
        (".", "_"),
        ("größe", "größe"),
        ("x" * 400, "x" * 250),
    ],
)
def test_a_name_is_accepted_by_every_server(name: str, expected: str) -> None:
    assert notes_of(parameters={name: 1}).parameters == {expected: "1"}


def test_a_text_that_is_too_long_is_cut() -> None:
    found = notes_of(parameters={"p": "x" * 9000}, error="y" * 9000)
    assert (len(found.parameters["p"]), len(found.tags["lading.error"])) == (6000, 5000)


def a_request(folder: Path, **fields: Any) -> RegisterRequest:
    (folder / "5f").write_bytes(b"never loaded")
    return a_registration(folder / "5f", **{"tags": {"team": "north"}, "description": "a rate", **fields})


def test_an_existing_version_is_not_created_again(tmp_path: Path) -> None:
    server = MemoryServer(version="4")
    found = register(server, a_request(tmp_path), tmp_path)
    assert found == ModelReference(registry="mlflow", name="rate", version="4", url=f"{URI}/models/rate/4")
    assert server.asked == [("find_version", "rate", "lading.sha256", SHA)]


def test_a_version_is_created_last(tmp_path: Path) -> None:
    server = MemoryServer(run="r1")
    reference = ModelReference(registry="store", name="rate", version="12")
    register(server, a_request(tmp_path, run=a_run(), reference=reference), tmp_path)
    tags = {"team": "north", "lading.sha256": SHA, "lading.version": "rate:12"}
    assert [asked[0] for asked in server.asked[:4]] == ["find_version", "find_run", "note", "end_run"]
    assert server.asked[4:] == [
        ("upload", "r1", "model"),
        ("create_model", "rate"),
        ("create_version", "rate", "mlflow-artifacts:/7/r1/model", "r1", tags, "a rate"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["5f"]
    assert server.files == [
        "MLmodel",
        "code/lading_mlflow_loader.py",
        "conda.yaml",
        "model.joblib",
        "python_env.yaml",
        "requirements.txt",
    ]


def test_a_model_folder_is_uploaded_completely_and_is_not_a_python_function(tmp_path: Path) -> None:
    (tmp_path / "forest" / "parts").mkdir(parents=True)
    (tmp_path / "forest" / "parts" / "a.bin").write_bytes(b"a")
    server = MemoryServer(run="r1")
    request = replace(a_request(tmp_path), file=tmp_path / "forest", file_name="forest")
    register(server, request, tmp_path)
    assert server.files == ["MLmodel", "conda.yaml", "forest/parts/a.bin", "python_env.yaml", "requirements.txt"]


@pytest.mark.parametrize("name", ["MLmodel", "code", "requirements.txt"])
def test_a_model_with_the_name_of_a_file_of_mlflow_is_refused(tmp_path: Path, name: str) -> None:
    server = MemoryServer(run="r1")
    with pytest.raises(BadInput, match=f"MLflow writes its own {name} into a model"):
        register(server, replace(a_request(tmp_path), file_name=name), tmp_path)


@pytest.mark.parametrize(("run", "made"), [(None, 1), ("r1", 0)])
def test_a_finished_model_has_one_run(tmp_path: Path, run: str | None, made: int) -> None:
    server = MemoryServer(run=run)
    register(server, a_request(tmp_path), tmp_path)
    assert server.asked[1] == ("find_run", "lading.sha256", SHA)
    created = [asked for asked in server.asked if asked[0] == "create_run"]
    assert created == [("create_run", "rate, a finished model", {"lading.sha256": SHA})] * made
    assert ("end_run", run or "r9", "FINISHED") in server.asked


@pytest.mark.parametrize(
    ("columns", "label", "signature"),
    [
        ((), None, None),
        ((Column(name="x", dtype="complex128"),), None, None),
        (
            (Column(name="x", dtype="float32"), Column(name="b", dtype="bool")),
            None,
            (
                [
                    {"type": "float", "name": "x", "required": True},
                    {"type": "boolean", "name": "b", "required": True},
                ],
                None,
            ),
        ),
        (
            (Column(name="x", dtype="int32"),),
            Column(name="y", dtype="object"),
            (
                [{"type": "integer", "name": "x", "required": True}],
                [{"type": "string", "name": "y", "required": True}],
            ),
        ),
        (
            (Column(name="x", dtype="int64"),),
            Column(name="y", dtype="complex128"),
            ([{"type": "long", "name": "x", "required": True}], None),
        ),
    ],
)
def test_a_signature_names_the_columns(
    tmp_path: Path, columns: tuple[Column, ...], label: Column | None, signature: Any
) -> None:
    folder = tmp_path / "laid"
    folder.mkdir()
    write_contents(folder, a_request(tmp_path, columns=columns, label=label), "r1")
    found = yaml.safe_load((folder / "MLmodel").read_text()).get("signature")
    if found is not None:
        assert found.pop("params") is None
        found = tuple(yaml.safe_load(found[part]) if found[part] else None for part in ("inputs", "outputs"))
    assert found == signature


@pytest.mark.parametrize(
    ("requires", "pins"),
    [
        ((), ("mlflow", "scikit-learn==1.7.2")),
        (("numpy>=1.24", "scipy"), ("mlflow", "scikit-learn==1.7.2", "numpy==2.4.0")),
        (("NumPy; python_version >= '3'",), ("mlflow", "scikit-learn==1.7.2", "numpy==2.4.0")),
        (("numpy; python_version < '3'",), ("mlflow", "scikit-learn==1.7.2")),
        (("numpy; extra == 'fast'", "numpy"), ("mlflow", "scikit-learn==1.7.2", "numpy==2.4.0")),
        (("numpy; extra == 'fast'",), ("mlflow", "scikit-learn==1.7.2")),
    ],
)
def test_the_pins_are_the_needs_of_the_framework(
    tmp_path: Path, requires: tuple[str, ...], pins: tuple[str, ...]
) -> None:
    installed = {
        "scikit-learn": Distribution(version="1.7.2", requires=requires),
        "numpy": Distribution(version="2.4.0"),
    }
    request = a_request(tmp_path, distributions=installed)
    assert requirements(request) == pins
    assert requirements(replace(request, framework="Scikit_Learn")) == pins
    assert requirements(replace(request, framework="onnx")) == ("mlflow",)


def test_the_libraries_that_the_model_imports_are_pinned_too(tmp_path: Path) -> None:
    installed = {
        "xgboost": Distribution(version="3.0", requires=("scipy",), modules=("xgboost",)),
        "scipy": Distribution(version="1.17"),
        "pytest": Distribution(version="9.0", modules=("pytest",)),
    }
    request = a_request(tmp_path, distributions=installed, imports=("sklearn", "xgboost"))
    assert requirements(request) == ("mlflow", "xgboost==3.0", "scipy==1.17")


def test_code_is_copied_without_caches_and_links_to_other_places(tmp_path: Path) -> None:
    steps, folder = tmp_path / "steps", tmp_path / "laid"
    for name in ("__init__.py", "deep/part.py", "__pycache__/part.pyc"):
        (steps / name).parent.mkdir(parents=True, exist_ok=True)
        (steps / name).write_text(name)
    (tmp_path / "secret").write_text("s")
    (steps / "link.py").symlink_to(tmp_path / "secret")
    folder.mkdir()
    write_contents(folder, a_request(tmp_path, included=(steps,)), "r1")
    found = sorted(path.name for path in (folder / "code").rglob("*") if path.is_file())
    assert found == ["__init__.py", "lading_mlflow_loader.py", "part.py"]


@pytest.mark.parametrize("refused", [StageFailed("kept elsewhere"), PluginError("boto3 is missing")])
def test_plots_of_a_run_are_uploaded_and_a_failure_is_only_a_warning(refused: LadingError, tmp_path: Path) -> None:
    server, plot = MemoryServer(run="r1"), tmp_path / "residuals.svg"
    context = MemoryContext(tmp_path, connection=server)
    tracked = lading_track(request=a_run(), context=context, artifacts=(plot,))
    assert server.asked[-1] == ("attach", "r1", ["residuals.svg"], "plots")
    server.refuses = refused
    assert lading_track(request=a_run(), context=context, artifacts=(plot,)) == tracked
    assert context.warnings == [f"the plots of the run are not logged: {refused.message}"]
