"""The options `twin`, `pull_from` and `edge_registry`: each reaches the device or the fleet, and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import WRONG, MemoryHub, Scene, scene_in

from lading import Candidate, DeployRequest, Failed, Json, Pending, Ready
from lading_iotedge import asking
from lading_iotedge.judging import Seen, judge
from lading_iotedge.options import IotEdgeOptions, Wait
from lading_iotedge.port import Twin

REACHED: dict[str, Any] = {"host_port": 8080, "scoring_host": "pi.local"}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = scene_in(tmp_path)
    scene.hub.add("pi")
    return scene


def to_pi(scene: Scene, release: int = 1, **options: Any) -> DeployRequest[IotEdgeOptions]:
    return scene.request(release, **{"device": "pi", "wait": Wait(grace=1), **options})


def up(scene: Scene, request: DeployRequest[IotEdgeOptions]) -> None:
    for _ in range(20):
        if (step := scene.step(request)) == Ready():
            return
        assert isinstance(step, Pending)
        scene.hub.report("pi")
    raise AssertionError("it is still pending")


def twin(hub: MemoryHub, module: str = "salary") -> dict[str, Json]:
    return dict(hub.twins["pi", module].desired)


def changed(scene: Scene, **options: Any) -> dict[str, str]:
    deployment = scene.deployment(device="pi", **options)
    return dict(asking.status(deployment, scene.context, scene.hub).changed)


def test_desired_properties_reach_the_module_and_are_compared(scene: Scene) -> None:
    up(scene, to_pi(scene, twin={"limit": 3}))
    assert twin(scene.hub) == {"limit": 3}
    assert changed(scene) == {}
    scene.hub.apply("pi", {"salary": {"properties.desired": {"limit": 4}}})
    assert changed(scene) == {"twin.limit": "changed on the hub"}
    up(scene, to_pi(scene, 2, twin={"limit": 3}))
    assert twin(scene.hub) == {"limit": 3}
    up(scene, to_pi(scene, 3))
    assert twin(scene.hub) == {}


def test_a_reverted_release_restores_the_desired_properties(scene: Scene) -> None:
    up(scene, to_pi(scene, twin={"limit": 3}))
    request = to_pi(scene, 2, twin={"other": 1}, **REACHED)
    while not isinstance(scene.step(request), Candidate):
        scene.hub.report("pi")
    assert twin(scene.hub) == {"other": 1}
    while not isinstance(scene.step(request, WRONG), Failed):
        scene.hub.report("pi")
    assert twin(scene.hub) == {"limit": 3}


def test_desired_properties_of_a_fleet_are_a_layer_or_the_whole(scene: Scene) -> None:
    for release, mode in ((1, "merge"), (2, "replace")):
        request = scene.request(release, target_condition="*", mode=mode, twin={"limit": 3})
        for _ in range(2):
            scene.step(request)
    layer, whole = (created["content"]["modulesContent"]["salary"] for created in scene.hub.created)
    assert layer == {"properties.desired.limit": 3}
    assert whole == {"properties.desired": {"limit": 3}}


def test_the_image_is_pulled_from_the_parent(scene: Scene) -> None:
    up(scene, to_pi(scene, pull_from="$upstream:443"))
    image = scene.hub.modules("pi")["salary"]["settings"]["image"]
    assert image == "$upstream:443/salary:1"
    reported = {"salary": {"settings": {"image": "parent.local:443/salary:1"}, "runtimeStatus": "running"}}
    report = {"lastDesiredVersion": 1, "lastDesiredStatus": {"code": 200}, "modules": reported}
    assert judge(Twin("pi", {}, 1, report), "salary", image).seen is Seen.RUNNING
    reported["salary"]["settings"] = {"image": "parent.local:443/salary:0"}
    assert judge(Twin("pi", {}, 1, report), "salary", image).seen is Seen.WAITING


def test_the_modules_of_iot_edge_come_from_their_registry(scene: Scene) -> None:
    scene.hub.edge["blank"] = True
    request = scene.request(device="blank", edge_version="1.5", edge_registry="mirror.example/edge")
    for _ in range(2):
        scene.step(request)
    found = scene.hub.agent("blank").desired["systemModules"].values()
    assert [each["settings"]["image"] for each in found] == [
        "mirror.example/edge/azureiotedge-agent:1.5",
        "mirror.example/edge/azureiotedge-hub:1.5",
    ]
