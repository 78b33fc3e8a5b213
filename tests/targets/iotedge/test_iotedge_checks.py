"""Checks before a release: a rollout that devices would ignore, platforms, nested and never-connected devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import SITE, Scene, scene_in

from lading import BadInput, Pending, StageFailed
from lading_iotedge.image import other_platform
from lading_iotedge.judging import offline
from lading_iotedge.options import Wait
from lading_iotedge.port import Twin

OSLO = "tags.site = 'oslo'"
FLEET: dict[str, Any] = {"target_condition": OSLO, "wait": Wait(grace=1)}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


def refused(scene: Scene, **options: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(BadInput) as caught:
        scene.step(scene.request(**{**FLEET, **options}))
    assert scene.hub.asked == []
    return caught.value.message, caught.value.option, caught.value.hint


def test_a_layer_without_a_whole_deployment_is_refused(scene: Scene) -> None:
    scene.hub.others = ()
    message, option, hint = refused(scene)
    assert message == "the hub has no whole deployment below this layer, so devices would ignore it"
    assert (option, hint) == ("mode", "create a whole deployment for these devices, or write `mode: replace`")
    assert isinstance(scene.step(scene.request(**FLEET, mode="replace")), Pending)


@pytest.mark.parametrize(
    ("condition", "priority", "mode"),
    [("*", 10, "merge"), (OSLO, 10, "merge"), ("tags.a = 1", 11, "merge"), ("*", 12, "replace"), (OSLO, 12, "replace")],
)
def test_a_deployment_below_another_one_is_refused(scene: Scene, condition: str, priority: int, mode: str) -> None:
    scene.hub.others = (replace(SITE, priority=priority, condition=condition),)
    message, option, hint = refused(scene, mode=mode)
    assert message == f"the deployment site has priority {priority}, so devices would ignore one with 10"
    assert (option, hint) == ("priority", f"write `priority: {priority + 1}`")


def test_a_whole_deployment_of_other_devices_hides_nothing(scene: Scene) -> None:
    scene.hub.others = (SITE, replace(SITE, id="lab", priority=50, condition="tags.site = 'lab'"))
    assert isinstance(scene.step(scene.request(**FLEET)), Pending)


def test_the_limit_of_deployments_is_reported(scene: Scene) -> None:
    scene.hub.others = tuple(replace(SITE, id=f"d{number}") for number in range(100))
    with pytest.raises(StageFailed, match="the hub has 100 automatic deployments, and takes no more"):
        scene.step(scene.request(**FLEET))


def agent(device: str, architecture: str) -> Twin:
    return Twin(device, {}, 1, {"runtime": {"platform": {"os": "linux", "architecture": architecture}}})


def test_devices_of_another_platform_are_named_by_two_queries(scene: Scene) -> None:
    others = tuple(agent(f"d{number}", "aarch64") for number in range(8))
    scene.hub.selected = {"devices.modules": others, "FROM devices ": tuple(Twin(f"d{n}", {}, 1, {}) for n in range(7))}
    message, option, _ = refused(scene)
    assert message.startswith(
        "the image is for linux/amd64, and 7 of the devices have another platform: d0 (linux/arm64)"
    )
    assert message.endswith("d4 (linux/arm64), …")
    assert option == "target_condition"
    assert len(scene.hub.queries) == 2


def test_one_query_is_enough_if_all_devices_fit(scene: Scene) -> None:
    assert isinstance(scene.step(scene.request(**FLEET)), Pending)
    assert len(scene.hub.queries) == 1


def test_other_devices_may_have_another_platform(scene: Scene) -> None:
    scene.hub.selected = {"devices.modules": (agent("lab", "aarch64"),), "FROM devices ": (agent("d1", "x86_64"),)}
    assert isinstance(scene.step(scene.request(**FLEET)), Pending)


def test_all_names_of_an_architecture_are_excluded() -> None:
    assert other_platform("linux/arm/v7") == (
        "(properties.reported.runtime.platform.os != 'linux' OR "
        "(properties.reported.runtime.platform.architecture != 'arm' AND "
        "properties.reported.runtime.platform.architecture != 'armv7l' AND "
        "properties.reported.runtime.platform.architecture != 'armv6l' AND "
        "properties.reported.runtime.platform.architecture != 'arm32v7'))"
    )


def test_a_nested_device_is_described(scene: Scene) -> None:
    scene.hub.add("pi")
    scene.hub.parents["pi"] = "gateway"
    scene.step(scene.request(device="pi"))
    assert scene.context.warnings == [
        "pi is a nested device: it reaches the hub through gateway; "
        "if it cannot reach the registry, write `pull_from: $upstream:443`"
    ]


def test_a_device_that_never_connected_is_described() -> None:
    never = Twin("pi", {}, 1, {}, connected=False, seen="0001-01-01T00:00:00Z")
    assert offline(never) == " (device has never connected to the hub)"
