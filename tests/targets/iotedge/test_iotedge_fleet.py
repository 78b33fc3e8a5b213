"""A fleet: one automatic deployment per release. It is judged by its modules, and removed if too many fail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hub_client import HubClient
from offline_iothub.client import content
from offline_iothub.simulated import Behaviour
from tests.targets.iotedge.iotedge_kit import Project, answering

pytestmark = pytest.mark.slow

OSLO = "tags.site = 'oslo'"


@pytest.fixture
def fleet(project: Project) -> Project:
    """Five devices with a full deployment of another owner."""
    project.hub.add_fleet(5, tags={"site": "oslo", "address": "127.0.0.1"})
    whole = {
        "id": "site",
        "schemaVersion": "2.0",
        "targetCondition": "*",
        "priority": 1,
        "content": content(camera="c:1"),
    }
    status, answer, _ = HubClient(project.hub)("PUT", "/configurations/site", whole)
    assert status == 200, answer
    return project


def deployments(project: Project) -> dict[str, int]:
    """The automatic deployments of Lading, with their priorities."""
    found = project.hub.state["configurations"]
    return {name: each["priority"] for name, each in found.items() if name != "site"}


def test_releases_follow_each_other(fleet: Project) -> None:
    fleet.write(target_condition=OSLO, routes={"up": "FROM /messages/* INTO $upstream"}, labels={"owner": "ml"})
    fleet.deploy()
    assert fleet.status()["detail"] == "applied 5, running 5, failed 0 of 5"
    (first,) = deployments(fleet)
    calls = [call.path for call in fleet.hub.calls]
    assert calls.index("/configurations/testQueries") < calls.index(f"/configurations/{first}")
    assert set(fleet.modules("device-0003")) == {"camera", "salary"}
    assert fleet.hub.state["configurations"][first]["labels"]["owner"] == "ml"
    assert fleet.status()["state"] == "running"
    assert fleet.deploy("--json").json()["deployments"][0]["reused"]
    image = fleet.modules("device-0003")["salary"]["settings"]["image"]

    fleet.write(2, target_condition=OSLO)
    fleet.deploy()
    (second,) = deployments(fleet)
    assert second != first
    assert deployments(fleet)[second] == 11
    assert fleet.modules("device-0003")["salary"]["settings"]["image"] != image

    fleet.shell("rollback")
    assert deployments(fleet).keys().isdisjoint({first, second})
    assert fleet.modules("device-0003")["salary"]["settings"]["image"] == image
    assert fleet.shell("logs").out.count("the module salary is running") == 5

    fleet.shell("delete")
    assert deployments(fleet) == {}
    assert set(fleet.modules("device-0003")) == {"camera"}
    assert fleet.status()["state"] == "absent"


def test_a_crash_loop_is_not_a_success(fleet: Project) -> None:
    fleet.write(target_condition=OSLO)
    fleet.deploy()
    before, started = deployments(fleet), fleet.started("device-0002", "camera")
    fleet.hub.behave("device-0002", behaviours=[Behaviour("crash", module="salary", exit_code=3)])
    fleet.write(2, target_condition=OSLO)
    done = fleet.deploy(code=8)
    assert "applied 5, running 4, failed 1 of 5: device-0002" in done.err
    assert deployments(fleet) == before
    assert fleet.started("device-0002", "camera") == started


def test_some_devices_may_fail_and_some_may_be_offline(fleet: Project) -> None:
    fleet.hub.behave("device-0002", behaviours=[Behaviour("crash", module="salary")])
    fleet.hub.disconnect("device-0003")
    wait = {"grace": 0.4, "timeout": 10, "max_failed": 1}
    fleet.write(target_condition=OSLO, wait=wait)
    assert "applied 5, running 3, failed 1 of 5" in fleet.deploy(code=7).err
    fleet.write(target_condition=OSLO, wait={**wait, "min_success": 0.6})
    fleet.deploy()
    assert "running 3, failed 1 of 5" in fleet.status()["detail"]


def test_two_hundred_devices(project: Project) -> None:
    """Beyond the allowed failures, all devices return to the previous release."""
    names = project.hub.add_fleet(200, tags={"site": "oslo"})
    wait = {"grace": 0.5, "timeout": 200, "max_failed": 5}
    options: dict[str, Any] = {"target_condition": OSLO, "mode": "replace", "wait": wait}
    project.write(**options)
    project.deploy()
    assert "running 200, failed 0 of 200" in project.status()["detail"]
    images = {
        project.hub.state["devices"][name]["modules"]["$edgeAgent"]["properties"]["desired"]["modules"]["salary"][
            "settings"
        ]["image"]
        for name in names[:1]
    }
    project.hub.behave(*names[:9], behaviours=[Behaviour("crash", module="salary")])
    project.write(2, **options)
    done = project.deploy(code=8)
    assert "running 191, failed 9 of 200: device-0001, device-0002" in done.err
    state = project.hub.state["devices"]
    told = {
        device["modules"]["$edgeAgent"]["properties"]["desired"]["modules"]["salary"]["settings"]["image"]
        for device in state.values()
    }
    assert told == images


def test_each_device_has_an_address(fleet: Project) -> None:
    fleet.hub.tag("device-0005", address=None)
    with answering([1]) as port:
        fleet.write(target_condition="*", host_port=port, scoring_host="tag:address")
        done = fleet.deploy()
        address = f"http://127.0.0.1:{port}/score"
        assert done.out == f"{address}\n"
        found = fleet.shell("uri", "--json").json()
        assert found["devices"] == {f"device-000{number}": address for number in (1, 2, 3, 4)}
        assert found["internal"] == "http://salary:5001/score"
        assert fleet.shell("score", "--device", "device-0002", "-d", "{}").out == "[1]\n"
        assert "its devices are: device-0001" in fleet.shell("score", "--device", "lamp", "-d", "{}", code=2).err
    with answering([2]) as wrong:
        before = deployments(fleet)
        fleet.write(2, target_condition=OSLO, host_port=wrong, scoring_host="tag:address")
        assert "expected 1" in fleet.deploy(code=8).err
        assert deployments(fleet) == before


def test_a_condition_is_checked_before_anything_is_created(fleet: Project) -> None:
    before = list(fleet.writes)
    fleet.write(target_condition="tags.site == 'oslo' &&")
    done = fleet.deploy(code=2)
    assert re.search(
        r"lading\.yaml:\d+:\d+: targets\.edge\.target_condition: .*azure-devices\.net says: .*unexpected", done.err
    ), done.err
    fleet.write(target_condition=OSLO, platform="linux/arm64")
    assert "the image is for linux/amd64, and the fleet is linux/arm64" in fleet.deploy(code=2).err
    assert fleet.writes == before


def test_a_deployment_of_another_owner_is_not_changed(fleet: Project) -> None:
    fleet.write(target_condition=OSLO)
    fleet.deploy()
    (name,) = deployments(fleet)
    fleet.shell("delete")
    theirs = {"id": name, "schemaVersion": "2.0", "targetCondition": "tags.a = 1", "priority": 1}
    HubClient(fleet.hub)("PUT", f"/configurations/{name}", {**theirs, "content": content(camera="camera:1")})
    fleet.deploy("--store", "elsewhere")
    assert deployments(fleet)[name] == 1
    assert len(deployments(fleet)) == 2


def test_a_deployment_that_changes_meanwhile_is_read_again(fleet: Project) -> None:
    """Removing the previous release gives 412, and its etag is read again."""
    fleet.write(target_condition=OSLO)
    fleet.deploy()
    fleet.hub.faults.answer(412, method="DELETE", path="/configurations/")
    fleet.write(2, target_condition=OSLO)
    fleet.deploy()
    assert len(deployments(fleet)) == 1
