"""Deployments of the offline Azure: real processes behind the host of their endpoint."""

from __future__ import annotations

from collections import Counter
from http.client import RemoteDisconnected
from pathlib import Path

import pytest
from arm_client import Arm
from offline_azure.v2.traffic import chosen
from tests.waiting import eventually

ENDPOINT = "/onlineEndpoints/salary"
BLUE, GREEN = f"{ENDPOINT}/deployments/blue", f"{ENDPOINT}/deployments/green"
SIZE = "Standard_DS2_v2"


@pytest.fixture
def blue(arm: Arm, tmp_path: Path) -> str:
    """An endpoint whose deployment `blue` gets all requests. Returns its key."""
    arm.endpoint()
    arm.done("PUT", BLUE, arm.deployment_body(arm.image(tmp_path / "images", "blue")))
    arm.endpoint(traffic={"blue": 100})
    return str(arm("POST", f"{ENDPOINT}/listKeys").body["primaryKey"])


def test_a_deployment_answers_at_the_host_of_its_endpoint(arm: Arm, blue: str) -> None:
    reply = arm.score(blue)
    assert (reply.status, reply.body) == (200, {"by": "blue"})
    assert reply.headers["azureml-model-deployment"] == "blue"
    assert arm.score("another").status == 401
    record = arm("GET", BLUE).body
    assert record["properties"]["provisioningState"] == "Succeeded"
    assert record["properties"]["scaleSettings"] == {"scaleType": "Default"}
    assert arm("GET", f"{ENDPOINT}/deployments").body == {"value": [record]}


def test_a_header_reaches_a_deployment_without_traffic(arm: Arm, blue: str, tmp_path: Path) -> None:
    arm.done("PUT", GREEN, arm.deployment_body(arm.image(tmp_path / "images", "green")))
    assert [arm.score(blue).body["by"], arm.score(blue, "green").body["by"]] == ["blue", "green"]
    assert arm.score(blue, "red").status == 404
    arm.endpoint(traffic={})
    assert arm.score(blue).status == 404


def test_traffic_is_split(arm: Arm, blue: str, tmp_path: Path) -> None:
    arm.done("PUT", GREEN, arm.deployment_body(arm.image(tmp_path / "images", "green")))
    shares = {"blue": 60, "green": 40}
    arm.endpoint(traffic=shares)
    assert [arm.score(blue).body["by"] for _ in range(10)] == [chosen(shares, number) for number in range(10)]


@pytest.mark.parametrize("start", [0, 41])
def test_each_hundred_requests_in_a_row_are_split_exactly(start: int) -> None:
    counts = Counter(chosen({"blue": 70, "green": 29}, number) for number in range(start, start + 100))
    assert counts == {"blue": 70, "green": 29, None: 1}


def test_mirrored_requests_reach_both_deployments(arm: Arm, blue: str, tmp_path: Path) -> None:
    arm.done("PUT", GREEN, arm.deployment_body(arm.image(tmp_path / "images", "green")))
    arm.endpoint(traffic={"blue": 100}, mirrorTraffic={"green": 50})
    assert {arm.score(blue).body["by"] for _ in range(10)} == {"blue"}
    copies = [chosen({"green": 50}, number) for number in range(10)].count("green")
    eventually(lambda: arm("POST", f"{GREEN}/getLogs", {}).body["content"].count("POST /score") == copies)
    refused = arm("PUT", ENDPOINT, arm.endpoint_body(traffic={"blue": 100}, mirrorTraffic={"green": 60}))
    assert "At most 50 percent" in refused.reasons


def test_a_deployment_with_traffic_is_not_deleted(arm: Arm, blue: str) -> None:
    refused = arm("DELETE", BLUE)
    assert (refused.status, "has traffic" in refused.reasons) == (400, True)
    arm.endpoint(traffic={})
    arm.done("DELETE", BLUE)
    assert [arm("GET", BLUE).status, arm("DELETE", BLUE).status, arm.score(blue, "blue").status] == [404, 204, 404]


def test_an_endpoint_is_deleted_with_its_deployments(arm: Arm, blue: str) -> None:
    arm.done("DELETE", ENDPOINT)
    assert arm("GET", BLUE).status == 404
    with pytest.raises(RemoteDisconnected):
        arm.score(blue)
    assert arm.azure.state["v2"]["deployments"] == {}


def test_an_answer_with_another_status_is_a_424(arm: Arm, blue: str, tmp_path: Path) -> None:
    arm.done("PUT", GREEN, arm.deployment_body(arm.image(tmp_path / "images", "green", STATUS="418")))
    reply = arm.score(blue, "green")
    assert (reply.status, reply.headers["ms-azureml-model-error-statuscode"]) == (424, "418")


def test_variables_of_the_deployment_reach_the_container(arm: Arm, blue: str, tmp_path: Path) -> None:
    image = arm.image(tmp_path / "images", "green")
    arm.done("PUT", GREEN, arm.deployment_body(image, environmentVariables={"NAME": "renamed"}))
    assert arm.score(blue, "green").body["by"] == "renamed"


def test_a_crash_fails_the_deployment_and_its_log_is_kept(arm: Arm, blue: str, tmp_path: Path) -> None:
    image = arm.image(tmp_path / "images", "green", CRASH="1")
    state = arm.ended(arm("PUT", GREEN, arm.deployment_body(image)))
    assert (state["status"], state["error"]["code"]) == ("Failed", "ResourceNotReady")
    assert arm("GET", GREEN).body["properties"]["provisioningState"] == "Failed"
    assert "the model says no" in arm("POST", f"{GREEN}/getLogs", {"tail": 10}).body["content"]
    assert arm.score(blue).body["by"] == "blue"


def test_a_failed_change_leaves_the_old_container(arm: Arm, blue: str, tmp_path: Path) -> None:
    image = arm.image(tmp_path / "images", "worse", CRASH="1")
    assert arm.ended(arm("PUT", BLUE, arm.deployment_body(image)))["status"] == "Failed"
    assert arm.score(blue).body["by"] == "blue"


def test_an_image_that_is_missing_fails_the_deployment(arm: Arm, blue: str) -> None:
    image = arm.environment("registry.example/none@sha256:" + "0" * 64, "none")
    state = arm.ended(arm("PUT", GREEN, arm.deployment_body(image)))
    assert (state["error"]["code"], "registry.example/none" in state["error"]["message"]) == ("BadArgument", True)


def test_a_deployment_needs_quota(arm: Arm, blue: str) -> None:
    arm.azure.settings(cores=6)
    refused = arm("PUT", GREEN, arm.deployment_body(arm.id_of("/environments/CliV2AnonymousEnvironment/versions/none")))
    assert "was not found" in refused.reasons
    image = arm.environment("registry.example/none@sha256:" + "0" * 64, "none")
    refused = arm("PUT", GREEN, arm.deployment_body(image))
    assert refused.status == 400
    assert "Current usage/limit: 4/6. Additional needed: 4" in refused.reasons


def test_a_region_without_machines_fails_the_deployment(arm: Arm, blue: str, tmp_path: Path) -> None:
    arm.azure.settings(no_capacity=[SIZE])
    state = arm.ended(arm("PUT", GREEN, arm.deployment_body(arm.image(tmp_path / "images", "green"))))
    assert (state["status"], state["error"]["code"]) == ("Failed", "OutOfCapacity")


def test_a_failed_image_build_names_its_log(arm: Arm, blue: str, tmp_path: Path) -> None:
    error = {"code": "ImageBuildFailure", "message": "The image build failed."}
    arm.azure.faults.fail_operation(error, "BuildImage", "no matching distribution", method="PUT", path=f"{GREEN}$")
    state = arm.ended(arm("PUT", GREEN, arm.deployment_body(arm.image(tmp_path / "images", "green"))))
    assert "The build log is under the storage account" in state["error"]["message"]


def test_a_version_of_an_environment_cannot_be_changed(arm: Arm) -> None:
    image = "registry.example/none@sha256:" + "0" * 64
    assert arm.environment(image, "1") == arm.environment(image, "1")
    changed = arm("PUT", "/environments/CliV2AnonymousEnvironment/versions/1", {"properties": {"image": "other"}})
    assert changed.status == 409
