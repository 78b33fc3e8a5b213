"""The place in the manifest changes: the plan names the old one, and a deploy removes it once the new one is up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import MemoryHub, Scene, scene_in

from lading import Done, Json, Pending, PlanEffect, PlanRequest, Ready, State, Status, UpRelease
from lading_iotedge import planning, steps
from lading_iotedge.options import Wait
from lading_iotedge.places import known
from lading_iotedge.port import Hub

WAIT = Wait(grace=1)
OSLO = "tags.site = 'oslo'"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = scene_in(tmp_path)
    scene.hub.add("pi")
    scene.hub.add("new")
    return scene


def connect(*hubs: MemoryHub) -> Callable[[str], Any]:
    @contextmanager
    def open_hub(name: str) -> Iterator[Hub]:
        yield next((hub for hub in hubs if hub.name == name), hubs[0])

    return open_hub


def deploy(scene: Scene, release: int = 1, **options: Any) -> list[str]:
    """Deploy, and return the phases of all steps."""
    request, phases = scene.request(release, wait=WAIT, **options), list[str]()
    for _ in range(40):
        step = steps.deploy(request, scene.context, scene.hub, connect(scene.hub))
        if step == Ready():
            return phases
        assert isinstance(step, Pending)
        phases.append(f"{step.phase} {step.detail}")
        if options.get("device"):
            scene.hub.report(options["device"])
        for name in scene.hub.found:
            scene.hub.count(name, targetedCount=1, appliedCount=1, running=1)
    raise AssertionError(f"it is still pending: {phases}")


def status(scene: Scene, **options: Any) -> Status:
    deployment = scene.deployment(**options)
    return steps.status(deployment, scene.context, scene.hub, connect(scene.hub))


def delete(scene: Scene, **options: Any) -> None:
    for _ in range(20):
        if steps.delete(scene.deployment(**options), scene.context, scene.hub, connect(scene.hub)) == Done():
            return
        for device in ("pi", "new"):
            scene.hub.report(device)
    raise AssertionError("it is not deleted")


MOVES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"device": "pi"}, {"device": "new"}, "the module salary on pi"),
    ({"device": "pi"}, {"device": "pi", "module": "pay"}, "the module salary on pi"),
    ({"device": "pi"}, {"target_condition": OSLO}, "the module salary on pi"),
    ({"target_condition": OSLO}, {"device": "pi"}, "the fleet of h.azure-devices.net"),
]


@pytest.mark.parametrize(("before", "after", "old"), MOVES)
def test_the_old_place_is_removed_once_the_new_one_is_up(
    scene: Scene, before: dict[str, Any], after: dict[str, Any], old: str
) -> None:
    deploy(scene, **before)
    assert "also on" not in status(scene, **before).detail
    found = status(scene, **after)
    assert (found.state, found.detail) == (State.ABSENT, f"also on the hub: {old}, its old place")
    phases = deploy(scene, 2, **after)
    assert phases[-1] == f"removing the old place {old}"
    assert status(scene, **before).state is State.ABSENT
    assert status(scene, **after).detail in ("", "applied 1, running 1, failed 0 of 1")
    delete(scene, **after)
    assert (scene.hub.modules("pi"), scene.hub.modules("new"), scene.hub.found) == ({}, {}, {})
    assert known(scene.context) == []


def test_a_place_that_is_kept_is_known_until_it_is_deleted(scene: Scene) -> None:
    deploy(scene, device="pi")
    deploy(scene, 2, device="new", keep_old_place=True)
    assert (set(scene.hub.modules("pi")), set(scene.hub.modules("new"))) == ({"salary"}, {"salary"})
    detail = status(scene, device="new").detail
    assert detail == "also on the hub: the module salary on pi, its old place"
    delete(scene, device="new", keep_old_place=True)
    assert (scene.hub.modules("pi"), scene.hub.modules("new")) == ({}, {})


def test_a_deletion_before_the_move_removes_the_old_place(scene: Scene) -> None:
    deploy(scene, device="pi")
    delete(scene, device="new")
    assert scene.hub.modules("pi") == {}


def test_a_module_of_others_at_the_old_place_stays(scene: Scene) -> None:
    deploy(scene, device="pi")
    theirs = {"salary": {"settings": {"image": "theirs:1"}}}
    scene.hub.change("pi", desired={**scene.hub.agent("pi").desired, "modules": theirs})
    deploy(scene, 2, device="new")
    assert scene.hub.modules("pi") == theirs


def test_a_device_that_joined_a_fleet_keeps_the_content_of_the_fleet(scene: Scene) -> None:
    deploy(scene, device="pi")
    scene.hub.change("pi", deployments=("base", "salary-1"))
    deploy(scene, 2, target_condition=OSLO)
    assert set(scene.hub.modules("pi")) == {"salary"}


def test_an_offline_device_gets_the_removal_later(scene: Scene) -> None:
    deploy(scene, device="pi")
    scene.hub.change("pi", connected=False, seen="noon")
    deploy(scene, 2, device="new")
    assert scene.context.warnings == ["pi runs salary until it is online again (device is offline since noon)"]


def test_the_old_place_can_be_on_another_hub(scene: Scene) -> None:
    deploy(scene, device="pi")
    old, new = scene.hub, MemoryHub(name="other.azure-devices.net")
    new.add("pi")
    request = scene.request(2, device="pi", wait=WAIT)
    deployment = replace(request.deployment, options=replace(request.deployment.options, hub=new.name))
    request = replace(request, deployment=deployment)
    for _ in range(20):
        step = steps.deploy(request, scene.context, new, connect(old, new))
        new.report("pi")
        if step == Ready():
            break
    assert (old.modules("pi"), set(new.modules("pi"))) == ({}, {"salary"})


def test_another_name_of_the_same_hub_is_the_same_place(scene: Scene) -> None:
    deploy(scene, device="pi")
    request = scene.request(1, device="pi", wait=WAIT)
    options = replace(request.deployment.options, hub="HUB_VARIABLE")
    request = replace(request, deployment=replace(request.deployment, options=options))
    assert steps.deploy(request, scene.context, scene.hub, connect(scene.hub)) == Ready()
    assert set(scene.hub.modules("pi")) == {"salary"}


def test_a_renamed_module_can_keep_its_routes(scene: Scene) -> None:
    routes = {"up": "FROM /messages/* INTO $upstream"}
    deploy(scene, device="pi", routes=routes)
    deploy(scene, 2, device="pi", module="pay", routes=routes)
    assert set(scene.hub.modules("pi")) == {"pay"}
    assert scene.hub.twins["pi", "$edgeHub"].desired["routes"] == routes


def planned(scene: Scene, before: Mapping[str, Json], **options: Any) -> list[tuple[str, str, str | None]]:
    written = {"hub": "HUB", **options}
    request = PlanRequest(
        deployment=scene.deployment(written, **options),
        up=UpRelease(service="salary", release=1, written={"hub": "HUB", **before}),
    )
    return [(each.effect, each.message, each.option) for each in planning.findings(request).findings]


def test_the_plan_names_the_old_place(scene: Scene) -> None:
    assert planned(scene, {"device": "pi"}, device="pi", module="salary") == []
    assert planned(scene, {"target_condition": "*"}, target_condition=OSLO) == []
    removed = "the module salary on pi is removed once the new one is up"
    assert planned(scene, {"device": "pi"}, device="new") == [(PlanEffect.LEFT, removed, "device")]
    kept = "the module salary on pi stays there"
    assert planned(scene, {"device": "pi"}, device="new", keep_old_place=True) == [(PlanEffect.LEFT, kept, "device")]
    (left, gap) = planned(scene, {"device": "pi"}, target_condition=OSLO)
    assert (left, gap[0]) == ((PlanEffect.LEFT, removed, "device"), PlanEffect.GAP)
    (fleet,) = planned(scene, {"target_condition": OSLO}, device="pi")
    assert fleet[1] == f"the fleet `{OSLO}` is removed once the new one is up"


def test_a_new_name_cannot_take_the_port_of_the_old_module(scene: Scene) -> None:
    found = planned(scene, {"device": "pi", "host_port": 8080}, device="pi", module="pay", host_port=8080)
    refused = "the module salary on pi keeps port 8080 of the device until the new module is up"
    assert found[1] == (PlanEffect.REFUSED, refused, "module")
    assert len(planned(scene, {"device": "pi", "host_port": 80}, device="pi", module="pay", host_port=8080)) == 1
