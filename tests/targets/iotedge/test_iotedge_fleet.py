"""A fleet: an automatic deployment per release, judged by what the modules do, and taken back where too many fail."""

from __future__ import annotations

import re

import pytest
from hub_client import HubClient
from iotedge_kit import Yard, answering
from offline_iothub.client import content
from offline_iothub.simulated import Behaviour

pytestmark = pytest.mark.slow

OSLO = "tags.site = 'oslo'"


@pytest.fixture
def fleet(yard: Yard) -> Yard:
    """Five devices over which a whole deployment of somebody else's lies."""
    yard.hub.add_fleet(5, tags={"site": "oslo", "address": "127.0.0.1"})
    whole = {
        "id": "site",
        "schemaVersion": "2.0",
        "targetCondition": "*",
        "priority": 1,
        "content": content(camera="c:1"),
    }
    status, answer, _ = HubClient(yard.hub)("PUT", "/configurations/site", whole)
    assert status == 200, answer
    return yard


def deployments(yard: Yard) -> dict[str, int]:
    """The automatic deployments of ours, and their priorities."""
    found = yard.hub.state["configurations"]
    return {name: each["priority"] for name, each in found.items() if name != "site"}


def test_releases_follow_each_other(fleet: Yard) -> None:
    fleet.write(target_condition=OSLO, routes={"up": "FROM /messages/* INTO $upstream"}, labels={"owner": "ml"})
    done = fleet.deploy()
    assert "applied 5, running 5, failed 0 of 5" in done.err
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


def test_a_crash_loop_is_no_success(fleet: Yard) -> None:
    fleet.write(target_condition=OSLO)
    fleet.deploy()
    before, started = deployments(fleet), fleet.started("device-0002", "camera")
    fleet.hub.behave("device-0002", behaviours=[Behaviour("crash", module="salary", exit_code=3)])
    fleet.write(2, target_condition=OSLO)
    done = fleet.deploy(code=8)
    assert "applied 5, running 4, failed 1 of 5: device-0002" in done.err
    assert deployments(fleet) == before
    assert fleet.started("device-0002", "camera") == started


def test_some_may_fail_and_some_may_be_away(fleet: Yard) -> None:
    fleet.hub.behave("device-0002", behaviours=[Behaviour("crash", module="salary")])
    fleet.hub.disconnect("device-0003")
    wait = {"grace": 0.4, "timeout": 10, "max_failed": 1}
    fleet.write(target_condition=OSLO, wait=wait)
    assert "applied 5, running 3, failed 1 of 5" in fleet.deploy(code=7).err
    fleet.write(target_condition=OSLO, wait={**wait, "min_success": 0.6})
    assert "running 3, failed 1 of 5" in fleet.deploy().err


def test_two_hundred_devices(yard: Yard) -> None:
    """Past the failures that are allowed, all of them go back to the release before."""
    names = yard.hub.add_fleet(200, tags={"site": "oslo"})
    options = {"target_condition": OSLO, "mode": "replace", "wait": {"grace": 0.5, "timeout": 200, "max_failed": 5}}
    yard.write(**options)
    assert "running 200, failed 0 of 200" in yard.deploy().err
    images = {
        yard.hub.state["devices"][name]["modules"]["$edgeAgent"]["properties"]["desired"]["modules"]["salary"][
            "settings"
        ]["image"]
        for name in names[:1]
    }
    yard.hub.behave(*names[:9], behaviours=[Behaviour("crash", module="salary")])
    yard.write(2, **options)
    done = yard.deploy(code=8)
    assert "running 191, failed 9 of 200: device-0001, device-0002" in done.err
    state = yard.hub.state["devices"]
    told = {
        device["modules"]["$edgeAgent"]["properties"]["desired"]["modules"]["salary"]["settings"]["image"]
        for device in state.values()
    }
    assert told == images


def test_one_address_per_device(fleet: Yard) -> None:
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


def test_a_condition_is_judged_before_anything_is_created(fleet: Yard) -> None:
    before = list(fleet.writes)
    fleet.write(target_condition="tags.site == 'oslo' &&")
    done = fleet.deploy(code=2)
    assert re.search(
        r"lading\.yaml:\d+:\d+: targets\.edge\.target_condition: .*azure-devices\.net says: .*unexpected", done.err
    ), done.err
    fleet.write(target_condition=OSLO, platform="linux/arm64")
    assert "the image is for linux/amd64, and the fleet is linux/arm64" in fleet.deploy(code=2).err
    assert fleet.writes == before


def test_a_deployment_of_somebody_else_is_left_alone(fleet: Yard) -> None:
    fleet.write(target_condition=OSLO)
    fleet.deploy()
    (name,) = deployments(fleet)
    fleet.shell("delete")
    theirs = {"id": name, "schemaVersion": "2.0", "targetCondition": "tags.a = 1", "priority": 1}
    HubClient(fleet.hub)("PUT", f"/configurations/{name}", {**theirs, "content": content(camera="camera:1")})
    done = fleet.deploy("--store", "elsewhere", code=6)
    assert f"an automatic deployment {name} is on {fleet.hub.host} already, and it is not Lading's" in done.err
    assert deployments(fleet) == {name: 1}


def test_a_deployment_that_changes_meanwhile_is_read_again(fleet: Yard) -> None:
    """412 on removing the release before: its etag is read anew."""
    fleet.write(target_condition=OSLO)
    fleet.deploy()
    fleet.hub.faults.answer(412, method="DELETE", path="/configurations/")
    fleet.write(2, target_condition=OSLO)
    fleet.deploy()
    assert len(deployments(fleet)) == 1
