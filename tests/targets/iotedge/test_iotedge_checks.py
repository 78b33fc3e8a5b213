"""Checks before a release: a rollout that devices would ignore, platforms, nested and never-connected devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import SITE, Scene, scene_in

from lading import BadInput, Json, LadingError, Pending, PreflightRequest, StageFailed, State
from lading_docker.options import DockerOptions
from lading_iotedge import listing, preflight
from lading_iotedge.image import other_platform
from lading_iotedge.judging import offline
from lading_iotedge.options import Registry, Wait
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


def looked(scene: Scene, image: DockerOptions | None = None, **options: Any) -> list[str]:
    request = PreflightRequest(deployment=scene.deployment(**options), image=image)
    found = preflight.findings(request, scene.context, scene.hub).findings
    assert (scene.hub.asked, scene.context.intents) == ([], [])
    return [f"{each.severity} {each.option}: {each.message}" for each in found]


def test_a_nested_device_is_described(scene: Scene) -> None:
    scene.hub.add("pi")
    assert looked(scene, device="pi") == []
    scene.hub.parents["pi"] = "gateway"
    said = "warning device: pi is a nested device: it reaches the hub through gateway, and maybe no registry"
    assert looked(scene, device="pi") == [said]
    assert looked(scene, device="pi", pull_from="$upstream:443") == []


def test_an_offline_device_is_reported_before_the_deploy(scene: Scene) -> None:
    scene.hub.add("pi", connected=False, seen="0001-01-01T00:00:00Z")
    said = "warning device: pi gets the module when it connects (device has never connected to the hub)"
    assert looked(scene, device="pi") == [said]


ARM = DockerOptions(platform="linux/arm64")
CAMERA = {"camera": {"settings": {"createOptions": '{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}}}'}}}
THEIRS = {"salary": {"settings": {"image": "theirs:1"}}}
PROBLEMS: list[tuple[dict[str, Any], dict[str, Json], str, str]] = [
    ({"device": "lamp"}, {}, "device", "has no device lamp"),
    ({"device": "pi", "host_port": 8080}, CAMERA, "host_port", "port 8080 of the device is bound by the module camera"),
    ({"device": "pi"}, THEIRS, "", "a module salary is on device pi already, and it is not Lading's"),
    (
        {"device": "pi", "registry": Registry(address="a.b", username="NOBODY", password="PASSWORD")},
        {},
        "registry.username",
        "the environment variable NOBODY is not set",
    ),
]


@pytest.mark.parametrize(("options", "modules", "option", "message"), PROBLEMS)
def test_a_problem_of_a_device_is_found_before_anything_is_made(
    scene: Scene, options: dict[str, Any], modules: dict[str, Json], option: str, message: str
) -> None:
    scene.hub.add("pi")
    scene.hub.change("pi", desired={**scene.hub.agent("pi").desired, "modules": modules})
    with pytest.raises(LadingError) as caught:
        looked(scene, **options)
    assert message in caught.value.message
    assert getattr(caught.value, "option", "") == option


def test_an_image_for_another_platform_is_found_before_it_is_built(scene: Scene) -> None:
    scene.hub.add("pi")
    scene.hub.change("pi", reported=agent("pi", "x86_64").reported)
    with pytest.raises(BadInput, match="the image is for linux/arm64, and the device pi is linux/amd64"):
        looked(scene, ARM, device="pi")
    scene.hub.selected = {"devices.modules": (agent("d1", "x86_64"),), "FROM devices ": (agent("d1", "x86_64"),)}
    with pytest.raises(BadInput, match="1 of the devices have another platform: d1"):
        looked(scene, ARM, **FLEET)


def test_a_rollout_that_devices_would_ignore_is_found_before_anything_is_made(scene: Scene) -> None:
    assert looked(scene, **FLEET) == []
    scene.hub.others = ()
    with pytest.raises(BadInput, match="no whole deployment below this layer"):
        looked(scene, **FLEET)
    scene.hub.objections = ("near AND",)
    with pytest.raises(BadInput, match="says: near AND"):
        looked(scene, **FLEET)


def test_everything_of_lading_on_a_hub_is_listed(scene: Scene) -> None:
    scene.hub.add("pi")
    for request in (scene.request(device="pi", wait=Wait(grace=1)), scene.request(2, **FLEET)):
        for _ in range(2):
            scene.step(request)
    scene.hub.report("pi")
    (name,) = scene.hub.found
    joined = replace(scene.hub.agent("pi"), device="d1", deployments=(name,))
    scene.hub.selected = {"devices.modules": (scene.hub.agent("pi"), joined)}
    scene.hub.count(name, targetedCount=1, running=1)
    found = listing.everything(scene.hub).objects
    assert [(each.name, each.service, each.target, each.state, each.release) for each in found] == [
        ("pi/salary", "salary", "t", State.RUNNING, 1),
        (name, "salary", "t", State.RUNNING, 2),
    ]
    assert {each.package_digest for each in found} == {"d" * 64}
    scene.hub.count(name, crashed=1)
    assert listing.everything(scene.hub).objects[1].state is State.FAILED


def test_a_device_that_never_connected_is_described() -> None:
    never = Twin("pi", {}, 1, {}, connected=False, seen="0001-01-01T00:00:00Z")
    assert offline(never) == " (device has never connected to the hub)"
