"""Models, runs, clusters, images and environments through the real SDK: whole requests, and how answers are read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from offline_azure.fixture import require_sdk
from tests.hook_kit import SHA
from tests.plugins.azureml.workspace_kit import HISTORY, MANAGEMENT, SCOPE, an_image
from tests.plugins.wire import Wire

from lading import StageFailed
from lading_azureml.port import BuiltImage, RegisteredModel
from lading_azureml.runs import LoggedRun

if TYPE_CHECKING:
    from lading_azureml.sdk.workspace import OpenWorkspace


@pytest.fixture(autouse=True, scope="module")
def sdk() -> None:
    require_sdk()


def a_record(name: str, version: int, sha256: str | None) -> dict[str, Any]:
    properties = {"lading.sha256": sha256} if sha256 else None
    return {"id": f"{name}:{version}", "name": name, "version": version, "kvTags": {}, "properties": properties}


@pytest.mark.parametrize(
    ("records", "version"),
    [
        ([], None),
        ([a_record("rate", 3, SHA)], 3),
        ([a_record("rate", 5, SHA), a_record("rate", 2, SHA), a_record("rate", 9, SHA)], 2),
        ([a_record("rate", 10, SHA), a_record("rate", 9, SHA)], 9),
        ([a_record("rate", 1, "aa"), a_record("rate", 4, SHA)], 4),
        ([a_record("Rate", 1, SHA), a_record("rate", 4, SHA)], 4),
        ([a_record("rate", 1, None)], None),
    ],
)
def test_the_oldest_version_with_the_same_bytes_is_found(
    wire: Wire, workspace: OpenWorkspace, records: list[dict[str, Any]], version: int | None
) -> None:
    wire.answer("GET", "/models", {"value": records})
    expected = None if version is None else RegisteredModel("rate", version, SHA)
    assert workspace.find_model("rate", SHA) == expected
    (asked,) = wire.sent
    assert asked.path == f"{MANAGEMENT}/models"
    assert asked.query == {"name": "rate", "properties": f"lading.sha256={SHA}"}


def test_models_are_read_page_by_page(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("GET", "/models", {"value": [a_record("rate", 8, SHA)], "continuationToken": "t2"})
    wire.answer("GET", "/models", {"value": [a_record("rate", 7, SHA)]})
    found = workspace.find_model("rate", SHA)
    assert found is not None
    assert found.id == "rate:7"


def has_run(wire: Wire, status: str | None = "Running") -> None:
    record = {
        "runId": "r1",
        "status": status,
        "experimentId": "e1",
        "rootRunId": "r1",
        "dataContainerId": "dcid.r1",
        "runNumber": 1,
    }
    wire.answer("GET", "/experiments/price", {"experimentId": "e1", "name": "price"})
    wire.answer("GET", "/runs/r1", record)
    wire.answer("GET", "/runs/r1/details", record)


@pytest.mark.parametrize(("status", "started"), [("Running", 0), ("Completed", 0), ("Failed", 0), ("NotStarted", 1)])
def test_an_unstarted_run_is_started(wire: Wire, workspace: OpenWorkspace, status: str, started: int) -> None:
    has_run(wire, status)
    wire.answer("POST", "/runs/r1/events", {})
    wire.answer("POST", "/runs/r1/list", {"value": []})
    run = workspace.begin_run("price", "r1", "price", {"lading.run": "r1"})
    assert isinstance(run, LoggedRun)
    assert (run.id, run.status, run.metrics) == ("r1", status, frozenset())
    assert "r1" in run.url
    assert wire.like("PATCH", "/runs/r1") == []
    assert len(wire.like("POST", "/runs/r1/events")) == started


@pytest.mark.parametrize("known", [(), ("loss",)])
def test_steps_are_logged_with_their_numbers_once(wire: Wire, workspace: OpenWorkspace, known: tuple[str, ...]) -> None:
    has_run(wire)
    row = {"metricId": "m1", "createdUtc": "2026-01-02T03:04:05+00:00", "step": 1, "data": {"loss": 9.0}}
    kept = {"name": "loss", "columns": {"loss": "double"}, "properties": {"uxMetricType": "azureml.v1.scalar"}}
    wire.answer("POST", "/runs/r1/list", {"value": [{"metricKey": {"name": name}, "columns": {}} for name in known]})
    wire.answer("POST", "/runs/r1/full", {**kept, "value": [row]})
    wire.answer("POST", "/runs/r1/batch", {"errors": []})
    wire.answer("GET", "/runs/r1/metricsingest/wait", {})
    workspace.log("price", "r1", {}, {"loss": [(1, 9.0), (2, 7.0)]})
    sent = [
        row for each in wire.like("POST", "/runs/r1/batch") for metric in each.json["values"] for row in metric["value"]
    ]
    assert [(row["step"], row["data"]["loss"]) for row in sent] == ([] if known else [(1, 9.0), (2, 7.0)])


def test_a_run_that_does_not_exist_is_created_with_its_id_and_tags(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("GET", "/runs/r1", {"error": {"code": "UserError", "message": "not found"}}, 404)
    has_run(wire)
    wire.answer("PATCH", "/runs/r1", {"runId": "r1", "status": "NotStarted"})
    wire.answer("POST", "/runs/r1/events", {})
    wire.answer("POST", "/runs/r1/list", {"value": []})
    workspace.begin_run("price", "r1", "a name", {"lading.run": "r1"})
    (made,) = wire.like("PATCH", "/runs/r1")
    assert made.path == f"{HISTORY}/experiments/price/runs/r1"
    assert {name: made.json[name] for name in ("runId", "displayName", "tags", "target")} == {
        "runId": "r1",
        "displayName": "a name",
        "tags": {"lading.run": "r1"},
        "target": "local",
    }
    assert len(wire.like("POST", "/runs/r1/events")) == 1


@pytest.mark.parametrize("state", [None, "Running", "Succeeded", "Failed"])
def test_a_cluster_is_read_with_its_errors(wire: Wire, workspace: OpenWorkspace, state: str | None) -> None:
    errors = [{"error": {"code": "Bad", "message": "no \x1b[1mroom"}}] if state == "Failed" else None
    properties: dict[str, Any] = {
        "computeType": "AKS",
        "provisioningState": state,
        "provisioningErrors": errors,
        "resourceId": "/x",
        "isAttachedCompute": False,
        "description": None,
        "createdOn": None,
        "modifiedOn": None,
        "computeLocation": "westeurope",
        "properties": {
            "agentCount": 3,
            "agentVmSize": "x",
            "clusterFqdn": "x",
            "clusterPurpose": "FastProd",
            "sslConfiguration": None,
            "aksNetworkingConfiguration": None,
            "systemServices": [],
            "loadBalancerType": "PublicIp",
            "loadBalancerSubnet": None,
        },
    }
    record = {"id": f"{SCOPE}/computes/pool", "name": "pool", "location": "x", "tags": None, "properties": properties}
    wire.answer("GET", "/computes/pool", record)
    found = workspace.find_compute("pool")
    assert found is not None
    assert (found.name, found.kind, found.state) == ("pool", "AKS", str(state).lower())
    assert bool(found.error) is (errors is not None)
    assert "\x1b" not in found.error


def test_a_missing_cluster_is_not_a_failure(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("GET", "/computes/pool", {"error": {"code": "NotFound"}}, 404)
    assert workspace.find_compute("pool") is None


KEYS = {"containerRegistryCredentials": {"username": "Salary9", "passwords": [{"value": "p1"}, {"value": "p2"}]}}


def test_an_image_is_found_under_its_label_with_the_digest_of_the_registry(
    wire: Wire, workspace: OpenWorkspace
) -> None:
    wire.answer("POST", "/listKeys", KEYS)
    wire.answer("HEAD", "/manifests/l1", "", Docker_Content_Digest="sha256:1d")
    found = workspace.find_image("team/price", "l1")
    assert found == BuiltImage("salary9.azurecr.io", "team/price", "sha256:1d")
    assert found.reference == "salary9.azurecr.io/team/price@sha256:1d"
    keys, asked = wire.sent
    assert (keys.host, keys.path) == ("management.azure.com", f"{SCOPE}/listKeys")
    assert (asked.host, asked.path) == ("salary9.azurecr.io", "/v2/team/price/manifests/l1")
    assert asked.headers["authorization"] == "Basic U2FsYXJ5OTpwMQ=="
    assert "application/vnd.oci.image.index.v1+json" in asked.headers["accept"]


@pytest.mark.parametrize("keys", [{}, {"containerRegistryCredentials": None}])
def test_a_workspace_without_a_registry_has_no_image(
    wire: Wire, workspace: OpenWorkspace, keys: dict[str, Any]
) -> None:
    wire.answer("POST", "/listKeys", keys)
    assert workspace.find_image("price", "l1") is None
    assert len(wire.sent) == 1


def test_a_registry_without_an_admin_user_is_explained_before_a_build(wire: Wire, workspace: OpenWorkspace) -> None:
    registry = "/subscriptions/s-1/resourceGroups/mi2/providers/Microsoft.ContainerRegistry/registries/salary9"
    workspace._workspace._workspace_autorest_object = SimpleNamespace(container_registry=registry)
    wire.answer("POST", "/listKeys", {})
    with pytest.raises(StageFailed, match="container registry salary9 of workspace salary has no admin user") as caught:
        workspace.find_image("price", "l1")
    assert "`az acr update --name salary9 --admin-enabled true`" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("answers", "version"), [(("rate:3", "rate:4"), None), (("rate:3", "rate:4", "rate:5"), 5), (("rate:3",), None)]
)
def test_a_model_that_no_list_shows_is_found_by_the_ids_after_the_newest(
    wire: Wire, workspace: OpenWorkspace, answers: tuple[str, ...], version: int | None
) -> None:
    wire.answer("GET", "/models", {"value": [a_record("rate", 3, SHA), a_record("other", 9, SHA)]})
    wire.answer("GET", "models/rate%3A4", a_record("rate", 4, "aa"), 200 if "rate:4" in answers else 404)
    wire.answer("GET", "models/rate%3A5", a_record("rate", 5, SHA), 200 if "rate:5" in answers else 404)
    found = workspace.find_unlisted_model("rate", SHA)
    assert found == (RegisteredModel("rate", version, SHA) if version else None)


def test_a_label_that_the_registry_does_not_know_is_not_a_failure(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("POST", "/listKeys", KEYS)
    wire.answer("HEAD", "/manifests/l1", "", 404)
    assert workspace.find_image("price", "l1") is None


def test_a_registry_without_its_admin_user_is_named(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("POST", "/listKeys", KEYS)
    wire.answer("HEAD", "/manifests/l1", "", 401)
    with pytest.raises(StageFailed) as caught:
        workspace.find_image("price", "l1")
    assert caught.value.message == "container registry salary9.azurecr.io does not accept its admin user"


@pytest.mark.parametrize("base", [{}, {"base_image": "ubuntu:22.04"}, {"dockerfile": "FROM ubuntu:22.04\n"}])
def test_an_environment_has_the_pins_and_the_server_on_the_base(tmp_path: Path, base: dict[str, str]) -> None:
    from lading_azureml.sdk.images import inference_config

    config = inference_config(an_image(tmp_path, **base))
    made = config.environment
    assert (config.entry_script, config.source_directory) == ("score.py", str(tmp_path / "package" / "azureml-app"))
    assert made.name == "price-env"
    assert list(made.python.conda_dependencies.pip_packages) == ["scikit-learn==1.7.2", "azureml-defaults>=1.55"]
    assert made.docker.base_dockerfile == base.get("dockerfile")
    assert made.inferencing_stack_version == ("latest" if base else None)
    if "base_image" in base:
        assert made.docker.base_image == "ubuntu:22.04"
    if "dockerfile" in base:
        assert made.docker.base_image is None


def test_pins_with_a_server_get_no_other(tmp_path: Path) -> None:
    from lading_azureml.sdk.images import inference_config

    made = inference_config(an_image(tmp_path, server="")).environment
    assert list(made.python.conda_dependencies.pip_packages) == ["scikit-learn==1.7.2"]


def test_an_environment_has_only_the_given_variables_and_the_account_of_its_registry(tmp_path: Path) -> None:
    from lading_azureml.port import RegistryAccount
    from lading_azureml.sdk.images import inference_config

    assert inference_config(an_image(tmp_path / "1")).environment.environment_variables == {}
    account = RegistryAccount("team.azurecr.io", "robot", "opensesame")
    image = an_image(tmp_path / "2", base_image="team.azurecr.io/base:1", env={"RATE": "1"}, registry=account)
    made = inference_config(image).environment
    assert made.environment_variables == {"RATE": "1"}
    registry = made.docker.base_image_registry
    assert (registry.address, registry.username, registry.password) == ("team.azurecr.io", "robot", "opensesame")
