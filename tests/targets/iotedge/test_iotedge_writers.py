"""Other people write to the same device: their credentials are left alone, and their changes are noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import WRONG, Scene, scene_in

from lading import BadInput, Candidate, DeployRequest, Done, Failed, Json, Pending, Ready, StageFailed
from lading_iotedge import asking
from lading_iotedge.options import IotEdgeOptions, Registry, Wait
from lading_iotedge.port import AGENT

OURS = Registry(address="registry.example", username="USER", password="PASSWORD")
ENTRY = {"address": "registry.example", "username": "porter", "password": "s3cr3t"}
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


def registries(scene: Scene) -> dict[str, Json]:
    found: dict[str, Json] = scene.hub.agent("pi").desired["runtime"]["settings"].get("registryCredentials", {})
    return found


def has(scene: Scene, modules: dict[str, str] | None = None, **entries: dict[str, str]) -> None:
    """Give the device credentials and modules of others."""
    desired = scene.hub.agent("pi").desired
    runtime = {"type": "docker", "settings": {"registryCredentials": entries}}
    others = {name: {"settings": {"image": image}} for name, image in (modules or {}).items()}
    scene.hub.change("pi", desired={**desired, "runtime": runtime, "modules": {**desired["modules"], **others}})


def test_the_default_name_comes_from_the_address() -> None:
    registry = Registry(address="my.registry:5000/team", username="U", password="P")
    assert registry.key == "my-registry-5000-team"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"address": "other.example", "username": "u", "password": "p"},
            "the device has credentials of other.example under the name registry-example already",
        ),
        (
            {"address": "registry.example", "username": "u", "password": "p"},
            "the device has another account of registry.example under the name registry-example, which is not Lading's",
        ),
    ],
)
def test_credentials_of_others_are_refused_and_kept(scene: Scene, entry: dict[str, str], message: str) -> None:
    has(scene, **{"registry-example": entry})
    with pytest.raises(BadInput) as caught:
        scene.step(to_pi(scene, registry=OURS))
    assert (caught.value.message, caught.value.option) == (message, "registry.name")
    assert (registries(scene), scene.hub.asked) == ({"registry-example": entry}, [])


def test_a_reverted_release_restores_the_credentials(scene: Scene) -> None:
    up(scene, to_pi(scene, registry=OURS))
    other = Registry(address="other.example", username="USER", password="PASSWORD")
    request = to_pi(scene, 2, registry=other, **REACHED)
    while not isinstance(scene.step(request), Candidate):
        scene.hub.report("pi")
    assert set(registries(scene)) == {"other-example"}
    while not isinstance(scene.step(request, WRONG), Failed):
        scene.hub.report("pi")
    assert registries(scene) == {"registry-example": ENTRY}


def test_a_first_release_that_is_reverted_leaves_no_credentials(scene: Scene) -> None:
    has(scene, theirs={"address": "a.b", "username": "u", "password": "p"})
    request = to_pi(scene, registry=OURS, **REACHED)
    while not isinstance(scene.step(request), Candidate):
        scene.hub.report("pi")
    while not isinstance(scene.step(request, WRONG), Failed):
        scene.hub.report("pi")
    assert set(registries(scene)) == {"theirs"}


@pytest.mark.parametrize(
    ("address", "image", "kept"),
    [
        ("registry.example", "registry.example/camera:1", True),
        ("registry.example", "registry.example.org/camera:1", False),
        ("docker.io", "camera:1", True),
        ("docker.io", "team/camera:1", True),
        ("docker.io", "registry.example/camera:1", False),
    ],
)
def test_a_deletion_keeps_credentials_that_another_module_needs(
    scene: Scene, address: str, image: str, *, kept: bool
) -> None:
    registry = Registry(address=address, username="USER", password="PASSWORD", name="r")
    up(scene, to_pi(scene, registry=registry))
    has(scene, {"camera": image}, r=registries(scene)["r"])
    asking.delete(scene.deployment(device="pi"), scene.context, scene.hub)  # without `registry` in the block of today
    assert ("r" in registries(scene)) is kept


def test_credentials_that_two_modules_of_lading_share_stay_with_the_second(scene: Scene) -> None:
    up(scene, to_pi(scene, registry=OURS))
    ours = scene.hub.modules("pi")["salary"]
    desired = scene.hub.agent("pi").desired
    scene.hub.change("pi", desired={**desired, "modules": {"salary": ours, "second": ours}})
    asking.delete(scene.deployment(device="pi", registry=OURS), scene.context, scene.hub)
    assert registries(scene) == {"registry-example": ENTRY}


def test_a_release_without_its_registry_removes_the_credentials(scene: Scene) -> None:
    up(scene, to_pi(scene, registry=OURS))
    up(scene, to_pi(scene, 2))
    assert registries(scene) == {}


def undo(scene: Scene) -> None:
    """Write the device like a program that does not know the module."""
    desired = scene.hub.agent("pi").desired
    scene.hub.apply("pi", {AGENT: {"properties.desired": {**desired, "modules": {"camera": {"settings": {}}}}}})


def test_a_release_that_another_writer_undoes_is_merged_again(scene: Scene) -> None:
    request = to_pi(scene)
    for _ in range(2):
        scene.step(request)
    undo(scene)
    assert scene.step(request) == Pending(phase="applied", detail="pi", retry_after=0.2)
    assert set(scene.hub.modules("pi")) == {"camera", "salary"}
    assert scene.context.warnings == [
        "another writer has changed the module salary on pi: a program without the module salary, version 3; "
        "it is applied again, together with the other changes"
    ]


def test_a_release_that_is_undone_three_times_ends(scene: Scene) -> None:
    request = to_pi(scene)
    for _ in range(4):
        scene.step(request)
        undo(scene)
    with pytest.raises(StageFailed) as caught:
        scene.step(request)
    assert "the module salary on pi was changed or removed 3 times" in caught.value.message
    assert "the last writer: a program without the module salary, version " in caught.value.message
    assert caught.value.hint == "stop the other writer of pi, then run the same command again"
    writes = [call for call in scene.hub.asked if call == "apply pi"]
    assert len(writes) == 3 + 4  # ours, and those of the other writer


def test_lading_with_another_store_is_named_as_the_last_writer(scene: Scene) -> None:
    request = to_pi(scene)
    for _ in range(2):
        scene.step(request)
    ours = dict(scene.hub.modules("pi"))
    other = to_pi(scene, 77)
    scene.context.work.joinpath("iot-edge.json").rename(scene.context.work / "kept")
    for _ in range(2):
        scene.step(other)
    scene.context.work.joinpath("kept").rename(scene.context.work / "iot-edge.json")
    assert scene.hub.modules("pi") != ours
    scene.step(request)
    assert f"Lading with another store, for the release with the id {other.release_id}" in scene.context.warnings[0]


def test_a_write_at_the_same_time_is_reported_once(scene: Scene) -> None:
    request = to_pi(scene)
    for _ in range(2):
        scene.step(request)
    scene.hub.change("pi", version=scene.hub.agent("pi").version + 1)
    scene.hub.report("pi")
    for _ in range(3):
        scene.step(request)
    (warning,) = scene.context.warnings
    assert warning == (
        "the content of pi was also written by somebody else at the same time (version 1 became 3): "
        "look whether that change is still there"
    )


def test_a_deletion_of_a_missing_device_is_done(scene: Scene) -> None:
    scene.hub.twins.clear()
    assert asking.delete(scene.deployment(device="pi"), scene.context, scene.hub) == Done()
