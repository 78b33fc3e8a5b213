"""What cannot be deployed is refused before anything is sent to the hub."""

from __future__ import annotations

import json

import pytest
from hub_client import HubClient
from iotedge_kit import VARIABLE, Yard, bound
from offline_iothub.client import content

pytestmark = pytest.mark.slow


@pytest.fixture
def pi(yard: Yard) -> Yard:
    yard.hub.add_device("pi")
    yard.hub.add_device("lamp", edge=False)
    yard.hub.add_device("arm", platform={"architecture": "aarch64"})
    return yard


def refused(yard: Yard, *words: str, code: int = 2, **env: str) -> None:
    done = yard.deploy(code=code, **env)
    assert [word for word in words if word not in done.err] == [], done.err
    assert yard.writes == []


def test_a_connection_string_that_is_none(yard: Yard) -> None:
    yard.write(device="pi")
    broken = f"HostName={yard.hub.host};SharedAccessKeyName=a;SharedAccessKey=s3cr3t!"
    done = yard.deploy(code=2, **{VARIABLE: broken})
    said = f"the SharedAccessKey of the connection string in {VARIABLE} is not base64"
    assert f"lading.yaml:20:10: targets.edge.hub: {said}" in done.err
    assert "s3cr3t" not in done.err
    assert list(yard.hub.calls) == []


def test_wrong_options_reach_no_hub(yard: Yard) -> None:
    yard.write(device="pi", module="$edgeAgent")
    assert "lading.yaml:25:13: targets.edge.module: " in yard.deploy(code=2).err
    assert list(yard.hub.calls) == []


def test_variables_that_are_not_set(pi: Yard) -> None:
    pi.write(device="pi", registry={"address": "yard.example", "username": "YARD_USER", "password": "YARD_PASSWORD"})
    unset = "the environment variable {} is not set"
    refused(pi, f"lading.yaml:27:17: targets.edge.registry.username: {unset.format('YARD_USER')}")
    password = f"lading.yaml:28:17: targets.edge.registry.password: {unset.format('YARD_PASSWORD')}"
    refused(pi, password, YARD_USER="porter")
    pi.write(device="pi", hub="YARD_HUB")
    refused(pi, f"lading.yaml:20:10: targets.edge.hub: {unset.format('YARD_HUB')}")
    assert list(pi.hub.calls) == []


def test_an_image_that_an_agent_cannot_name(pi: Yard) -> None:
    pi.write(device="pi", image={"reference": "repo:tag@{digest}"})
    refused(pi, "use repo:tag or repo@sha256:…")
    assert list(pi.hub.calls) == []


def test_a_floating_image_is_warned_of(pi: Yard) -> None:
    pi.write(device="pi", image={"reference": "yard.example/salary"})
    assert pi.deploy().err.count("a device that has it will not pull it again") == 1


def test_devices_that_cannot_have_it(pi: Yard) -> None:
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


def test_a_device_under_automatic_deployment(pi: Yard) -> None:
    configuration = {"id": "site", "schemaVersion": "2.0", "targetCondition": "*", "priority": 1}
    HubClient(pi.hub)("PUT", "/configurations/site", {**configuration, "content": content(camera="camera:1")})
    pi.write(device="pi")
    before = list(pi.writes)
    done = pi.deploy(code=2)
    managed = "the device pi is managed by the automatic deployment site"
    assert f"lading.yaml:24:13: targets.edge.device: {managed}" in done.err
    assert "use target_condition" in done.err
    assert pi.writes == before


def test_what_others_have_is_left_alone(pi: Yard) -> None:
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


def test_more_than_the_hub_takes(pi: Yard) -> None:
    pi.neighbours("pi", **{f"m{number}": "other:1" for number in range(48)})
    pi.write(device="pi")
    refused(pi, "lading.yaml:24:13: targets.edge.device: the device would have 51 modules", "the hub takes 50")
    pi.neighbours("pi")
    pi.write(device="pi", env={f"V{number}": "x" * 4000 for number in range(9)})
    refused(pi, "lading.yaml:24:13: targets.edge.device: the desired content of $edgeAgent", "the hub takes 32768")


def test_words_of_the_hub_come_without_control_characters(pi: Yard) -> None:
    message = json.dumps({"Message": "ErrorCode:IotHubForbidden;\x1b[31mno\nway"})
    pi.hub.faults.answer(403, message, method="GET", path="/devices/pi")
    pi.write(device="pi")
    done = pi.deploy(code=6)
    assert "ErrorCode:IotHubForbidden; no way" in done.err.replace("[31m", " ")
    assert "\x1b" not in done.err
