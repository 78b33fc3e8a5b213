"""Our models and runs in a workspace: stored once, with all metadata that finds them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import NOW, SHA, a_registration, a_version
from tests.plugins.azureml.memory_kit import MemoryWorkspace, context_of

from lading import (
    Column,
    GoldenRequest,
    ModelPart,
    ModelReference,
    RegisterRequest,
    Run,
    StageFailed,
    TrackedRun,
)
from lading_azureml import lading_register, lading_track
from lading_azureml.port import NewModel, RegisteredModel
from lading_azureml.registering import ensure_registered
from lading_azureml.runs import LoggedRun


def a_request(folder: Path, **fields: Any) -> RegisterRequest:
    return a_registration(folder / "5f", **{"columns": (Column(name="x", dtype="int64"),), **fields})


def a_run(**fields: Any) -> Run:
    given: dict[str, Any] = {"id": "r1", "name": "price", "state": "finished", "started": NOW, "ended": NOW}
    return Run(**{**given, **fields})


def test_an_existing_model_is_not_registered_again(tmp_path: Path) -> None:
    workspace = MemoryWorkspace(registered=RegisteredModel("rate", 4, SHA))
    context = context_of(tmp_path, workspace)
    found = lading_register(request=a_request(tmp_path), context=context)
    assert found == ModelReference(registry="azureml", name="rate", version="4")
    assert (workspace.asked, context.intents) == ([], [])


def test_each_of_several_models_is_registered_under_its_own_name(tmp_path: Path) -> None:
    workspace = MemoryWorkspace()
    parts = (
        ModelPart(name="price", version=1, file_name="p.joblib", sha256="1" * 64, framework="scikit-learn"),
        ModelPart(name="churn", version=4, file_name="forest", sha256="2" * 64),
    )
    found = lading_register(request=a_request(tmp_path, parts=parts), context=context_of(tmp_path, workspace))
    assert found == ModelReference(registry="azureml", name="rate", version="price:7, churn:7")
    assert [(model.name, model.file, model.file_name, model.framework) for model in workspace.asked] == [
        ("price", tmp_path / "5f" / "price" / "1" / "p.joblib", "p.joblib", "ScikitLearn"),
        ("churn", tmp_path / "5f" / "churn" / "4" / "forest", "forest", "Custom"),
    ]
    assert [model.properties["lading.sha256"] for model in workspace.asked] == ["1" * 64, "2" * 64]


class Lagging(MemoryWorkspace):
    """A workspace whose list of models does not show the newest ones yet."""

    def model(self, name: str, version: int) -> RegisteredModel | None:
        shas = {("price", 3): "1" * 64, ("churn", 12): "2" * 64}
        return RegisteredModel(name, version, shas[name, version]) if (name, version) in shas else None


def test_several_models_are_found_by_their_reference_before_a_list_shows_them(tmp_path: Path) -> None:
    workspace = Lagging()
    parts = (
        ModelPart(name="price", version=1, file_name="p.joblib", sha256="1" * 64),
        ModelPart(name="churn", version=4, file_name="forest", sha256="2" * 64),
    )
    reference = ModelReference(registry="azureml", name="rate", version="price:3, churn:12")
    version = a_version(tmp_path / "5f", parts=parts, references=(reference,))
    context = context_of(tmp_path, workspace)
    found = ensure_registered(context.connection, version, None, "1", context)
    assert [model.id for model in found] == ["price:3", "churn:12"]
    assert workspace.asked == []


def test_a_model_is_registered_with_all_metadata_that_finds_it_again(tmp_path: Path) -> None:
    workspace = MemoryWorkspace()
    context = context_of(tmp_path, workspace)
    request = a_request(
        tmp_path,
        description="a rate",
        tags={"team": "north"},
        samples=(GoldenRequest(request={"data": [[21]]}, response=[1.0]),),
        reference=ModelReference(registry="store", name="rate", version="12"),
    )
    assert lading_register(request=request, context=context).version == "7"
    assert workspace.asked == [
        NewModel(
            name="rate",
            file=tmp_path / "5f",
            file_name="model.joblib",
            framework="ScikitLearn",
            framework_version="1.7.2",
            description="a rate",
            tags={"team": "north"},
            properties={
                "lading.sha256": SHA,
                "lading.version": "12",
                "lading.columns": '{"x": "int64"}',
                "lading.sample_input": '{"data": [[21]]}',
            },
        )
    ]
    assert context.intents == [f"model/rate/{SHA}"]
    assert context.shown == [("registering", "rate in workspace salary")]


@pytest.mark.parametrize(
    ("framework", "expected"),
    [
        ("scikit-learn", "ScikitLearn"),
        ("onnx", "Onnx"),
        ("tensorflow", "TensorFlow"),
        ("xgboost", "Custom"),
        ("", "Custom"),
    ],
)
def test_a_framework_has_the_name_that_azure_knows(tmp_path: Path, framework: str, expected: str) -> None:
    workspace = MemoryWorkspace()
    lading_register(request=a_request(tmp_path, framework=framework), context=context_of(tmp_path, workspace))
    assert workspace.asked[0].framework == expected


@pytest.mark.parametrize(
    ("tracked", "experiment", "run", "named"),
    [
        ((), "salexp", None, None),
        ((TrackedRun(tracker="mlflow", id="m1"),), "salexp", None, None),
        ((TrackedRun(tracker="azureml", id="a1"),), "salexp", "a1", "salexp"),
        ((TrackedRun(tracker="azureml", id="a1"),), None, "a1", "price"),
        (
            (
                TrackedRun(tracker="azureml", id="a1"),
                TrackedRun(tracker="mlflow", id="m1"),
                TrackedRun(tracker="azureml", id="a2"),
            ),
            None,
            "a2",
            "price",
        ),
    ],
)
def test_a_model_is_linked_to_its_run_if_the_workspace_has_it(
    tmp_path: Path, tracked: tuple[TrackedRun, ...], experiment: str | None, run: str | None, named: str | None
) -> None:
    workspace = MemoryWorkspace()
    context = context_of(tmp_path, workspace, experiment)
    lading_register(request=a_request(tmp_path, run=a_run(tracked=tracked)), context=context)
    assert (workspace.asked[0].run, workspace.asked[0].experiment) == (run, named)


def test_a_run_is_logged_completely(tmp_path: Path) -> None:
    workspace = MemoryWorkspace()
    context = context_of(tmp_path, workspace)
    run = a_run(
        parameters={"alpha": 0.5, "grid": {"c": [1, 2], "deep": {"x": True}}, "none": None},
        metrics={"r2": 0.75},
        inputs={"../data/sal.csv": "aa"},
        libraries={"numpy": "2.4.0"},
        git_commit="c0ffee",
    )
    assert lading_track(request=run, context=context, artifacts=()) == TrackedRun(
        tracker="azureml", id="r1", url="https://ml.example/r1"
    )
    tags = {"lading.run": "r1", "input ../data/sal.csv": "aa", "numpy": "2.4.0", "git commit": "c0ffee"}
    values = {"alpha": 0.5, "grid.c": [1, 2], "grid.deep.x": True, "r2": 0.75}
    times = {"start": "2026-01-02T03:04:05+00:00", "end": "2026-01-02T03:04:05+00:00"}
    assert workspace.asked == [
        ("begin", "price", "r1", "price", tags),
        ("log", "price", "r1", {**values, **times}),
        ("end", "price", "r1", None),
    ]
    assert context.intents == ["run/r1"]


def test_every_step_of_a_metric_is_logged_once(tmp_path: Path) -> None:
    workspace = MemoryWorkspace()
    run = a_run(metrics={"loss": 7.0, "loss.steps": [[1, 9.0], [2, None], [3, 7.0]], "odd.steps": [1, 2]}, ended=None)
    lading_track(request=run, context=context_of(tmp_path, workspace), artifacts=())
    values = {"odd.steps": [1, 2], "start": "2026-01-02T03:04:05+00:00"}
    assert workspace.asked[1] == ("log", "price", "r1", values, {"loss": [(1, 9.0), (3, 7.0)]})


@pytest.mark.parametrize(
    ("state", "status", "error", "expected"),
    [
        ("running", "Running", None, []),
        ("finished", "Completed", None, []),
        ("failed", "Failed", "lost", []),
        ("finished", "Canceled", None, []),
        ("failed", "Running", "lost", [("end", "salexp", "r1", "lost")]),
        ("failed", "Running", None, [("end", "salexp", "r1", "the training failed")]),
        ("finished", "NotStarted", None, [("end", "salexp", "r1", None)]),
    ],
)
def test_a_run_is_ended_once(tmp_path: Path, state: str, status: str, error: str | None, expected: list[Any]) -> None:
    workspace = MemoryWorkspace(run=LoggedRun("r1", status, "", frozenset()))
    run = a_run(state=state, error=error)
    lading_track(request=run, context=context_of(tmp_path, workspace, "salexp"), artifacts=())
    assert [asked for asked in workspace.asked if asked[0] == "end"] == expected


def test_an_evaluation_is_logged_after_the_end_of_the_run(tmp_path: Path) -> None:
    workspace = MemoryWorkspace(run=LoggedRun("r1", "Completed", "", frozenset({"r2"})))
    run = a_run(metrics={"r2": 0.75, "mae": 2.0, "evaluation.r2": 0.7})
    lading_track(request=run, context=context_of(tmp_path, workspace), artifacts=())
    assert workspace.asked[1:] == [("log", "price", "r1", {"evaluation.r2": 0.7})]


def test_a_value_that_is_already_logged_is_left_out(tmp_path: Path) -> None:
    workspace = MemoryWorkspace(run=LoggedRun("r1", "Running", "", frozenset({"r2", "start"})))
    run = a_run(metrics={"r2": 0.75, "mae": 2.0}, ended=None)
    lading_track(request=run, context=context_of(tmp_path, workspace), artifacts=())
    assert workspace.asked[1] == ("log", "price", "r1", {"mae": 2.0})


def test_plots_of_a_run_are_uploaded_and_a_failure_is_only_a_warning(tmp_path: Path) -> None:
    workspace, plot = MemoryWorkspace(), tmp_path / "residuals.svg"
    context = context_of(tmp_path, workspace, "salexp")
    tracked = lading_track(request=a_run(), context=context, artifacts=(plot,))
    assert workspace.asked[-1] == ("attach", "salexp", "r1", {"plots/residuals.svg": plot})
    workspace.refuses = StageFailed("no container")
    assert lading_track(request=a_run(), context=context, artifacts=(plot,)) == tracked
    assert context.warnings == ["the plots of the run are not logged: no container"]


def test_a_plot_that_differs_from_the_one_in_the_workspace_is_a_warning(tmp_path: Path) -> None:
    workspace, plot = MemoryWorkspace(kept=("plots/residuals.svg",)), tmp_path / "residuals.svg"
    context = context_of(tmp_path, workspace)
    lading_track(request=a_run(), context=context, artifacts=(plot,))
    assert context.warnings == [f"Azure keeps the first plots/residuals.svg of run r1; the new one is {plot}"]
