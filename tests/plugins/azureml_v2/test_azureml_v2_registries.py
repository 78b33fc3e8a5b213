"""Models in a registry of Azure ML: registered once, for all workspaces."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from offline_azure.fixture import require
from tests.hook_kit import SHA, MemoryContext, a_registration
from tests.plugins.wire import Wire

from lading import BadInput, Interrupted, ModelReference, RegisterRequest, StageFailed, TrackedRun
from lading_azureml.port import NotAllowed, Taken
from lading_azureml_v2 import lading_register

Opened = tuple[MemoryContext, Wire]
VERSION = "sha256-5f5f5f5f5f5f5f5f"
FOUND = "/registrymanagement/v1.0/registries/team/discovery"
REGISTRY = (
    "/mferp/managementfrontend/subscriptions/s-2/resourceGroups/shared/providers"
    "/Microsoft.MachineLearningServices/registries/team"
)
MODEL, FILES = (f"{REGISTRY}/{kind}/rate/versions/{VERSION}" for kind in ("models", "tempdatarefs"))
SERVICE = "https://cert-eastus.experiments.azureml.net/"
PLACE = {"subscriptionId": "s-2", "resourceGroup": "shared", "primaryRegionResourceProviderUri": SERVICE}
BLOBS = "https://store.blob.example/c"
MISSING = {"error": {"code": "NotFound", "message": "it does not exist"}}
DENIED = {
    "error": {
        "code": "AuthorizationFailed",
        "message": "no authorization to perform action 'Microsoft.MachineLearningServices/registries/assets/write'",
    }
}


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A context whose connection has the registry `team`, and its recorded network."""
    require("azure-identity")
    from tests.plugins.azureml_v2.runs_kit import connected

    context, wire = connected(tmp_path, monkeypatch, registry="team")
    wire.answer("GET", FOUND, PLACE)
    return context, wire


def in_state(state: str, sha256: str = SHA) -> dict[str, object]:
    return {"properties": {"properties": {"lading.sha256": sha256}, "provisioningState": state}}


def takes(wire: Wire, *names: str) -> None:
    """Answer for a model that is missing, and files that can be uploaded."""
    wire.answer("GET", MODEL, MISSING, 404)
    signed = {"credentialType": "SAS", "sasUri": f"{BLOBS}?sig=w"}
    wire.answer("PUT", FILES, {"blobReferenceForConsumption": {"blobUri": BLOBS, "credential": signed}})
    wire.answer("PUT", MODEL, {}, 201)
    for name in names:
        wire.answer("PUT", f"/c/{name}", status=201)


def a_request(folder: Path) -> RegisterRequest:
    from tests.plugins.azureml_v2.runs_kit import a_run

    (folder / "5f").write_bytes(b"a model")
    own = ModelReference(registry="store", name="rate", version="3")
    run = a_run(tracked=(TrackedRun(tracker="azureml-v2", id="r1"),))
    return a_registration(folder / "5f", reference=own, run=run)


def register(opened: Opened, request: RegisterRequest) -> ModelReference:
    return lading_register(request=request, context=opened[0])


def test_a_model_is_uploaded_to_the_registry_and_awaited(opened: Opened, tmp_path: Path) -> None:
    context, wire = opened
    takes(wire, "model.joblib")
    wire.answer("GET", MODEL, in_state("Creating"), Retry_After="0")
    wire.answer("GET", MODEL, in_state("Succeeded"))
    found = register(opened, a_request(tmp_path))
    assert found == ModelReference(registry="azureml-v2", name="rate", version=VERSION)
    assert wire.lines == [
        f"GET {FOUND}",
        f"GET {MODEL}",
        f"PUT {FILES}",
        "PUT /c/model.joblib",
        f"PUT {MODEL}",
        f"GET {MODEL}",
        f"GET {MODEL}",
    ]
    assert wire.like("PUT", FILES)[0].json == {
        "assetId": f"azureml://registries/team/models/rate/versions/{VERSION}",
        "temporaryDataReferenceType": "TemporaryBlobReference",
    }
    assert wire.like("PUT", "/c/model.joblib")[0].body == b"a model"
    body = wire.like("PUT", MODEL)[0].json["properties"]
    assert body["modelUri"] == f"{BLOBS}/model.joblib"
    assert (body["properties"]["lading.version"], body["properties"]["lading.run"]) == ("3", "r1")
    assert "jobName" not in body
    assert {sent.query["api-version"] for sent in wire.like("GET", MODEL)} == {"2021-10-01-dataplanepreview"}
    assert context.intents == [f"model/rate/{SHA}"]


def test_a_folder_is_uploaded_with_its_paths(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    folder = tmp_path / "forest"
    (folder / "parts").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "parts" / "a.bin").write_bytes(b"a")
    takes(wire, "forest/config.json", "forest/parts/a.bin")
    wire.answer("GET", MODEL, in_state("Succeeded"))
    register(opened, a_registration(folder, file_name="forest"))
    assert wire.like("PUT", MODEL)[0].json["properties"]["modelUri"] == f"{BLOBS}/forest"


def test_a_model_that_is_there_is_not_registered_again(opened: Opened, tmp_path: Path) -> None:
    context, wire = opened
    wire.answer("GET", MODEL, in_state("Succeeded"))
    assert register(opened, a_request(tmp_path)).version == VERSION
    assert {line.partition(" ")[0] for line in wire.lines} == {"GET"}
    assert context.intents == []


def test_a_version_of_another_content_is_left_alone(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    wire.answer("GET", MODEL, in_state("Succeeded", "00"))
    with pytest.raises(Taken, match="of another content"):
        register(opened, a_request(tmp_path))


def test_a_version_that_has_failed_is_registered_again(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    takes(wire, "model.joblib")
    wire.answers.pop(("GET", MODEL))
    wire.answer("GET", MODEL, in_state("Failed"))
    wire.answer("GET", MODEL, in_state("Succeeded"))
    register(opened, a_request(tmp_path))
    assert len(wire.like("PUT", MODEL)) == 1


def test_a_version_that_fails_is_reported(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    takes(wire, "model.joblib")
    wire.answer("GET", MODEL, in_state("Failed"))
    with pytest.raises(StageFailed, match=f"model rate:{VERSION} of registry team is failed"):
        register(opened, a_request(tmp_path))


def test_an_interrupted_wait_ends(opened: Opened, tmp_path: Path) -> None:
    context, wire = opened
    wire.answer("GET", MODEL, in_state("Creating"))
    context.cancel_after = 0
    with pytest.raises(Interrupted, match="registry team"):
        register(opened, a_request(tmp_path))


@pytest.mark.parametrize(("asked", "waited"), [("0", 1.0), ("7", 7.0), ("86400", 30.0), (None, 5.0)])
def test_the_wait_for_a_version_is_bounded(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, waited: float
) -> None:
    _, wire = opened
    passed = clock(monkeypatch)
    wire.answer("GET", MODEL, in_state("Creating"))
    wire.answer("GET", MODEL, in_state("Creating"), 200, **({"Retry_After": asked} if asked else {}))
    wire.answer("GET", MODEL, in_state("Succeeded"))
    register(opened, a_request(tmp_path))
    assert sum(passed) == pytest.approx(waited)


def test_a_long_wait_ends_when_the_command_is_interrupted(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, wire = opened
    passed = clock(monkeypatch)
    wire.answer("GET", MODEL, in_state("Creating"), Retry_After="86400")
    context.cancel_after = 1
    with pytest.raises(Interrupted, match="registry team"):
        register(opened, a_request(tmp_path))
    assert sum(passed) < 1


def test_a_version_is_awaited_for_half_an_hour(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, wire = opened
    passed = clock(monkeypatch)
    wire.answer("GET", MODEL, in_state("Creating"), Retry_After="86400")
    with pytest.raises(StageFailed, match="is creating"):
        register(opened, a_request(tmp_path))
    assert sum(passed) == pytest.approx(1800, abs=1)


def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that only sleeping passes. Returns the waits."""
    passed: list[float] = []
    fake = SimpleNamespace(monotonic=lambda: sum(passed), sleep=passed.append)
    monkeypatch.setattr("lading_azureml_v2.registries.time", fake)
    return passed


def test_a_registry_that_does_not_exist_is_an_error_of_its_option(opened: Opened, tmp_path: Path) -> None:
    _, wire = opened
    wire.answers.pop(("GET", FOUND))
    wire.answer("GET", FOUND, MISSING, 404)
    with pytest.raises(BadInput, match="Azure has no registry team") as refused:
        register(opened, a_request(tmp_path))
    assert refused.value.option == "registry"
    assert "az ml registry list" in str(refused.value.hint)


@pytest.mark.parametrize("path", [FILES, MODEL])
@pytest.mark.parametrize("sha256", [SHA, "00"])
def test_a_version_that_another_command_registers_meanwhile(
    opened: Opened, tmp_path: Path, path: str, sha256: str
) -> None:
    _, wire = opened
    takes(wire, "model.joblib")
    wire.answers.pop(("PUT", path))
    wire.answer("PUT", path, {"error": {"code": "Conflict", "message": "the asset already exists"}}, 409)
    wire.answer("GET", MODEL, in_state("Succeeded", sha256))
    if sha256 == SHA:
        assert register(opened, a_request(tmp_path)).version == VERSION
    else:
        with pytest.raises(Taken, match="of another content"):
            register(opened, a_request(tmp_path))


@pytest.mark.parametrize("path", [FOUND, FILES])
def test_a_missing_role_is_named_with_the_registry(opened: Opened, tmp_path: Path, path: str) -> None:
    _, wire = opened
    takes(wire)
    method = "GET" if path == FOUND else "PUT"
    wire.answers.pop((method, path))
    wire.answer(method, path, DENIED, 403)
    with pytest.raises(NotAllowed, match=r"lacks the action .*registries/assets/write") as refused:
        register(opened, a_request(tmp_path))
    assert "AzureML Registry User on registry team" in str(refused.value.hint)
