"""Deployments that are refused before anything is sent to the hub."""

from __future__ import annotations

import json

import pytest
from hub_client import HubClient
from offline_iothub.client import content
from tests.targets.iotedge.iotedge_kit import VARIABLE, Project, bound

pytestmark = pytest.mark.slow


@pytest.fixture
def pi(project: Project) -> Project:
    project.hub.add_device("pi")
    project.hub.add_device("lamp", edge=False)
    project.hub.add_device("arm", platform={"architecture": "aarch64"})
    return project


def refused(project: Project, *words: str, code: int = 2, **env: str) -> None:
    done = project.deploy(code=code, **env)
    assert [word for word in words if word not in done.err] == [], done.err
    assert project.writes == []


def test_an_invalid_connection_string_is_refused(project: Project) -> None:
    project.write(device="pi")
    broken = f"HostName={project.hub.host};SharedAccessKeyName=a;SharedAccessKey=s3cr3t!"
    done = project.deploy(code=2, **{VARIABLE: broken})
    said = f"the SharedAccessKey of the connection string in {VARIABLE} is not base64"
    assert f"lading.yaml:20:10: targets.edge.hub: {said}" in done.err
    assert "s3cr3t" not in done.err
    assert list(project.hub.calls) == []


def test_wrong_options_reach_no_hub(project: Project) -> None:
    project.write(device="pi", module="$edgeAgent")
    assert "lading.yaml:25:13: targets.edge.module: " in project.deploy(code=2).err
    assert list(project.hub.calls) == []


def test_unset_variables_are_refused(pi: Project) -> None:
    pi.write(
        device="pi", registry={"address": "registry.example", "username": "PULL_USER", "password": "PULL_PASSWORD"}
    )
    unset = "the environment variable {} is not set"
    refused(pi, f"lading.yaml:27:17: targets.edge.registry.username: {unset.format('PULL_USER')}")
    password = f"lading.yaml:28:17: targets.edge.registry.password: {unset.format('PULL_PASSWORD')}"
    refused(pi, password, PULL_USER="porter")
    pi.write(device="pi", hub="PULL_HUB")
    refused(pi, f"lading.yaml:20:10: targets.edge.hub: {unset.format('PULL_HUB')}")
    assert list(pi.hub.calls) == []


def test_an_image_name_that_an_agent_cannot_use_is_refused(pi: Project) -> None:
    pi.write(device="pi", image={"reference": "repo:tag@{digest}"})
    refused(pi, "use repo:tag or repo@sha256:…")


def test_a_floating_image_causes_a_warning(pi: Project) -> None:
    pi.write(device="pi", image={"reference": "registry.example/salary"})
    assert pi.deploy().err.count("a device that has it will not pull it again") == 1


def test_unsuitable_devices_are_refused(pi: Project) -> None:
    pi.write(device="nobody")
    at_device = "lading.yaml:24:13: targets.edge.device: "
    refused(pi, f"{at_device}the hub {pi.hub.host} has no device nobody")
    pi.write(device="lamp")
    refused(pi, f"{at_device}the device lamp of {pi.hub.host} is not an IoT Edge device")
    pi.neighbours("arm")
    pi.write(device="arm")
    refused(pi, f"{at_device}the image is for linux/amd64, and the device arm is linux/arm64")
    pi.write(device="pi", platform="linux/arm64")
    refused(pi, "lading.yaml:25:15: targets.edge.platform: the image is for linux/amd64", "linux/arm64")


def test_a_device_under_automatic_deployment_is_refused(pi: Project) -> None:
    configuration = {"id": "site", "schemaVersion": "2.0", "targetCondition": "*", "priority": 1}
    HubClient(pi.hub)("PUT", "/configurations/site", {**configuration, "content": content(camera="camera:1")})
    pi.write(device="pi")
    before = list(pi.writes)
    done = pi.deploy(code=2)
    managed = "the device pi is managed by the automatic deployment site"
    assert f"lading.yaml:24:13: targets.edge.device: {managed}" in done.err
    assert "use target_condition" in done.err
    assert pi.writes == before


def test_modules_of_other_owners_are_not_changed(pi: Project) -> None:
    pi.write(device="pi", host_port=443)
    refused(pi, "lading.yaml:25:16: targets.edge.host_port: port 443 of the device is bound by the module edgeHub")
    pi.neighbours("pi", salary="theirs:1", web=bound(8080))
    before = pi.modules()
    pi.write(device="pi")
    refused(pi, "a module salary is on device pi already", "not Lading's", code=6)
    pi.write(device="pi", module="ours", host_port=8080)
    refused(pi, "port 8080 of the device is bound by the module web already")
    pi.write(device="pi", module="ours", create_options=json.loads(bound(8080)["settings"]["createOptions"]))
    bound_twice = "port 8080 of the device is bound by the module web already"
    refused(pi, f"lading.yaml:26:5: targets.edge.create_options: {bound_twice}")
    assert pi.modules() == before
    pi.shell("delete")
    assert pi.modules() == before


def test_more_content_than_the_hub_accepts_is_refused(pi: Project) -> None:
    pi.neighbours("pi", **{f"m{number}": "other:1" for number in range(48)})
    pi.write(device="pi")
    refused(pi, "lading.yaml:24:13: targets.edge.device: the device would have 51 modules", "the hub takes 50")
    pi.neighbours("pi")
    pi.write(device="pi", env={f"V{number}": "x" * 4000 for number in range(9)})
    refused(pi, "lading.yaml:24:13: targets.edge.device: the desired content of $edgeAgent", "the hub takes 32768")


def test_messages_of_the_hub_are_shown_without_control_characters(pi: Project) -> None:
    message = json.dumps({"Message": "ErrorCode:IotHubForbidden;\x1b[31mno\nway"})
    pi.hub.faults.answer(403, message, method="GET", path="/devices/pi")
    pi.write(device="pi")
    done = pi.deploy(code=6)
    assert "ErrorCode:IotHubForbidden; no way" in done.err.replace("[31m", " ")
    assert "\x1b" not in done.err
