"""Models in a workspace of Azure ML v2: registered once under a name from their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import SHA, MemoryContext, a_registration
from tests.plugins.azureml_v2.runs_kit import BLOBS, FILES, RUN, SCOPE, a_run
from tests.plugins.wire import Wire

from lading import Column, ModelPart, ModelReference, RegisterRequest, TrackedRun
from lading_azureml.port import Taken
from lading_azureml_v2 import lading_register

Opened = tuple[MemoryContext, Wire]
VERSION = "sha256-5f5f5f5f5f5f5f5f"
MODEL = f"{SCOPE}/models/rate/versions/{VERSION}"
MISSING = {"error": {"code": "NotFound", "message": "it does not exist"}}
STORE = SCOPE.replace("resourceGroups", "resourcegroups").replace("/providers/Microsoft.MachineLearningServices", "")


def a_request(folder: Path, **fields: Any) -> RegisterRequest:
    (folder / "5f").write_bytes(b"a model")
    own = ModelReference(registry="store", name="rate", version="3")
    given = {"columns": (Column(name="x", dtype="int64"),), "reference": own, "tags": {"key": "1"}}
    return a_registration(folder / "5f", **{**given, "description": "a line", **fields})


def register(opened: Opened, request: RegisterRequest) -> ModelReference:
    return lading_register(request=request, context=opened[0])


def takes(wire: Wire, place: str, *names: str, model: str = MODEL) -> None:
    """Answer for a model that is missing, and files that can be uploaded to a place."""
    wire.answer("GET", model, MISSING, 404)
    wire.answer("PUT", model, {}, 201)
    wire.answer("GET", f"{FILES}/{place}", {"value": []})
    found = {name: {"contentUri": f"{BLOBS}/{name}?sig=w"} for name in names}
    wire.answer("POST", f"{FILES}/batch/metadata/{place}", {"artifactContentInformation": found, "errors": {}})
    for name in names:
        wire.answer("PUT", f"/c/{name}", status=201)


def test_a_model_of_a_run_is_uploaded_to_the_run_and_linked(opened: Opened, tmp_path: Path) -> None:
    context, wire = opened
    wire.answer("GET", RUN, {"runId": "r1", "status": "Completed", "dataContainerId": "dcid.r1"})
    file = "models/5f5f5f5f5f5f5f5f/model.joblib"
    takes(wire, "ExperimentRun/dcid.r1", file)
    run = a_run(tracked=(TrackedRun(tracker="azureml-v2", id="r1"),))
    found = register(opened, a_request(tmp_path, run=run))
    assert found == ModelReference(registry="azureml-v2", name="rate", version=VERSION)
    assert wire.like("PUT", f"/c/{file}")[0].body == b"a model"
    body = wire.like("PUT", MODEL)[0].json["properties"]
    assert body["properties"] == {
        "lading.sha256": SHA,
        "lading.version": "3",
        "lading.framework": "scikit-learn 1.7.2",
        "lading.run": "r1",
        "lading.columns": '{"x": "int64"}',
    }
    uri = f"azureml:/{STORE}/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.r1/{file}"
    assert body | {"properties": {}} == {
        "description": "a line",
        "tags": {"key": "1"},
        "properties": {},
        "modelType": "custom_model",
        "modelUri": uri,
        "isAnonymous": False,
        "isArchived": False,
        "jobName": "r1",
    }
    assert context.intents == [f"model/rate/{SHA}"]


@pytest.mark.parametrize("tracked", [(), (TrackedRun(tracker="mlflow", id="m1"),)])
def test_a_model_without_a_run_in_the_workspace_has_its_own_place(
    opened: Opened, tmp_path: Path, tracked: tuple[TrackedRun, ...]
) -> None:
    _, wire = opened
    place = f"LocalUpload/{SHA[:32]}"
    takes(wire, place, "model.joblib")
    register(opened, a_request(tmp_path, run=a_run(tracked=tracked)))
    body = wire.like("PUT", MODEL)[0].json["properties"]
    assert body["modelUri"].endswith(f"/workspaceartifactstore/paths/{place}/model.joblib")
    assert body["properties"]["lading.run"] == "r1"
    assert "jobName" not in body


def test_a_folder_is_uploaded_with_its_paths(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    folder = tmp_path / "forest"
    (folder / "parts").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "parts" / "a.bin").write_bytes(b"a")
    place = f"LocalUpload/{SHA[:32]}"
    takes(wire, place, "forest/config.json", "forest/parts/a.bin")
    register(opened, a_registration(folder, file_name="forest"))
    assert wire.like("PUT", "/c/forest/parts/a.bin")[0].body == b"a"
    assert wire.like("PUT", MODEL)[0].json["properties"]["modelUri"].endswith(f"/paths/{place}/forest")


def test_a_model_that_is_there_is_not_registered_again(opened: Opened, tmp_path: Path) -> None:
    context, wire = opened
    wire.answer("GET", MODEL, {"properties": {"properties": {"lading.sha256": SHA}}})
    assert register(opened, a_request(tmp_path)).version == VERSION
    assert wire.lines == [f"GET {MODEL}"]
    assert context.intents == []


def test_a_version_of_another_content_is_left_alone(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    wire.answer("GET", MODEL, {"properties": {"properties": {"lading.sha256": "00"}}})
    with pytest.raises(Taken, match=f"model rate has a version {VERSION} of another content"):
        register(opened, a_request(tmp_path))
    assert wire.lines == [f"GET {MODEL}"]


def test_several_models_are_registered_one_by_one(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    parts = []
    for name, digit in (("churn", "a"), ("price", "b")):
        file = tmp_path / "all" / name / "1" / f"{name}.txt"
        file.parent.mkdir(parents=True)
        file.write_text(name)
        parts.append(ModelPart(name=name, version=1, file_name=f"{name}.txt", sha256=digit * 64))
        model = f"{SCOPE}/models/{name}/versions/sha256-{digit * 16}"
        takes(wire, f"LocalUpload/{digit * 32}", f"{name}.txt", model=model)
    found = register(opened, a_registration(tmp_path / "all", file_name="azureml-models", parts=tuple(parts)))
    assert found.version == f"churn:sha256-{'a' * 16}, price:sha256-{'b' * 16}"
    assert wire.like("PUT", "/c/price.txt")[0].body == b"price"
