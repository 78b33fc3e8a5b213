"""Edits in the portal, and credentials that were rotated: named by the status, repaired by a deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.targets.iotedge.memory_hub import UP, Scene, scene_in

from lading import Candidate, DeployRequest, Json, Pending, Ready, StageFailed, State, Status
from lading_iotedge import asking
from lading_iotedge.options import IotEdgeOptions, Registry, Wait
from lading_iotedge.port import AGENT, ROUTER

ROUTES = {"up": "FROM /messages/* INTO $upstream"}
REGISTRY = Registry(address="registry.example", username="USER", password="PASSWORD", name="r")
OPTIONS: dict[str, Any] = {"env": {"MODE": "fast"}, "routes": ROUTES, "registry": REGISTRY, "wait": Wait(grace=1)}
OSLO = "tags.site = 'oslo'"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = scene_in(tmp_path)
    scene.hub.add("pi")
    return scene


def up(scene: Scene, request: DeployRequest[IotEdgeOptions]) -> None:
    """Repeat steps until the release is up. Each device reports all of its modules as running."""
    for _ in range(30):
        step = scene.step(request)
        if isinstance(step, Candidate):
            step = scene.step(request, UP)
        if step == Ready():
            return
        assert isinstance(step, Pending)
        if request.deployment.options.device:
            scene.hub.report(request.deployment.options.device)
        else:
            for name in scene.hub.found:
                scene.hub.count(name, targetedCount=1, appliedCount=1, running=1)
    raise AssertionError("it is still pending")


def deployed(scene: Scene, **options: Any) -> Status:
    up(scene, scene.request(**{"device": "pi", **OPTIONS, **options}))
    return status(scene, **options)


def status(scene: Scene, **options: Any) -> Status:
    deployment = scene.deployment(**{"device": "pi", **OPTIONS, **options})
    return asking.status(deployment, scene.context, scene.hub)


def edit(scene: Scene, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the module like somebody in the portal."""
    agent, router = (scene.hub.twins["pi", name] for name in (AGENT, ROUTER))
    module = dict(agent.desired["modules"]["salary"])
    module["settings"] = dict(module["settings"])
    change(module)
    desired = {**agent.desired, "modules": {"salary": module}}
    scene.hub.apply(
        "pi", {AGENT: {"properties.desired": desired}, ROUTER: {"properties.desired": dict(router.desired)}}
    )
    scene.hub.report("pi")


EDITS: list[tuple[Callable[[dict[str, Any]], object], dict[str, str]]] = [
    (lambda m: m["settings"].update(image="evil:1"), {"image": "changed on the hub to evil:1"}),
    (lambda m: m.update(env={"MODE": {"value": "slow"}}), {"env.MODE": "changed on the hub"}),
    (lambda m: m.update(env={}), {"env.MODE": "removed on the hub"}),
    (
        lambda m: m.update(env={"MODE": {"value": "fast"}, "NEW": {"value": "1"}}),
        {"env.NEW": "added on the hub"},
    ),
    (lambda m: m.update(restartPolicy="never"), {"restart_policy": "changed on the hub"}),
    (lambda m: m.update(status="stopped"), {"status": "changed on the hub"}),
    (lambda m: m.update(startupOrder=3), {"startup_order": "added on the hub"}),
    (lambda m: m.update(imagePullPolicy="never"), {"imagePullPolicy": "added on the hub"}),
]


@pytest.mark.parametrize(("change", "words"), EDITS)
def test_an_edit_in_the_portal_is_named_and_repaired(
    scene: Scene, change: Callable[[dict[str, Any]], object], words: dict[str, str]
) -> None:
    assert deployed(scene).changed == {}
    edit(scene, change)
    found = status(scene)
    assert found.changed == words
    assert all(f"{name}: {said}" in found.detail for name, said in words.items())
    up(scene, scene.request(2, device="pi", **OPTIONS))
    assert status(scene).changed == {}


def test_edited_create_options_are_named(scene: Scene) -> None:
    deployed(scene, create_options={"Hostname": "a"})

    def change(module: dict[str, Any]) -> None:
        text = module["settings"]["createOptions"]
        module["settings"]["createOptions"] = text.replace('"Hostname":"a"', '"Hostname":"b"')

    edit(scene, change)
    assert status(scene).changed == {"create_options": "changed on the hub"}


def test_create_options_without_our_labels_are_named_and_repaired(scene: Scene) -> None:
    """The portal shows the create options as one text, and somebody who replaces it also removes the labels."""
    deployed(scene)
    labelled = dict(scene.hub.modules("pi")["salary"]["settings"])

    def change(module: dict[str, Any]) -> None:
        module["settings"] = {"image": module["settings"]["image"], "createOptions": "{}"}

    edit(scene, change)
    assert status(scene).changed == {"create_options": "changed on the hub"}
    assert status(scene).package_digest is None
    up(scene, scene.request(2, device="pi", **OPTIONS))
    assert status(scene).changed == {}
    assert scene.hub.modules("pi")["salary"]["settings"].keys() == labelled.keys()
    edit(scene, change)
    assert isinstance(asking.delete(scene.deployment(device="pi", **OPTIONS), scene.context, scene.hub), Pending)
    assert scene.hub.modules("pi") == {}
    assert scene.hub.twins["pi", ROUTER].desired["routes"] == {}


def test_a_module_of_others_with_another_image_is_not_ours(scene: Scene) -> None:
    deployed(scene)
    edit(scene, lambda module: module.update(settings={"image": "theirs:1", "createOptions": "{}"}))
    assert status(scene).state is State.ABSENT
    with pytest.raises(StageFailed, match="it is not Lading's: it is left alone"):
        scene.step(scene.request(2, device="pi", **OPTIONS))


def test_values_stay_out_of_the_record_if_the_labels_are_gone(scene: Scene) -> None:
    deployed(scene, env={"TOKEN": "c4n4ry"})
    edit(
        scene,
        lambda module: module.update(settings={"image": module["settings"]["image"], "createOptions": "{}"}),
    )
    scene.step(scene.request(2, device="pi", **{**OPTIONS, "env": {"TOKEN": "c4n4ry"}}))
    kept = b"".join(file.read_bytes() for file in scene.context.work.iterdir())
    assert b"c4n4ry" not in kept


def test_an_edited_route_is_named(scene: Scene) -> None:
    deployed(scene)
    scene.hub.apply("pi", {ROUTER: {"properties.desired": {"routes": {"up": "FROM /* INTO $upstream"}}}})
    assert status(scene).changed == {"routes.up": "changed on the hub"}
    scene.hub.apply("pi", {ROUTER: {"properties.desired": {"routes": {}}}})
    assert status(scene).changed == {"routes.up": "removed on the hub"}


def credentials(scene: Scene) -> dict[str, Json]:
    found: dict[str, Json] = scene.hub.agent("pi").desired["runtime"]["settings"]["registryCredentials"]
    return found


def test_credentials_edited_on_the_hub_are_named(scene: Scene) -> None:
    deployed(scene)
    scene.context.variables.clear()
    credentials(scene)["r"]["password"] = "other"
    assert status(scene).changed == {"registry.password": "changed on the hub"}


def test_a_rotated_password_is_a_change_and_reaches_the_device(scene: Scene) -> None:
    deployed(scene)
    scene.context.variables["PASSWORD"] = "n3w"
    found = status(scene)
    assert found.changed == {"registry.password": "secret changed"}
    assert "n3w" not in str(found)
    up(scene, scene.request(2, device="pi", **OPTIONS))
    assert credentials(scene)["r"]["password"] == "n3w"
    assert status(scene).changed == {}


def test_a_status_needs_no_variables(scene: Scene) -> None:
    deployed(scene)
    scene.context.variables.clear()
    assert status(scene).changed == {}


def test_no_value_is_in_the_record(scene: Scene) -> None:
    deployed(scene, env={"TOKEN": "c4n4ry"})
    kept = str(scene.context.facts)
    assert [value for value in ("c4n4ry", "s3cr3t", "porter") if value in kept] == []
    first = dict(scene.context.facts)
    up(scene, scene.request(2, device="pi", **{**OPTIONS, "env": {"TOKEN": "c4n4ry"}}))
    assert scene.context.facts != first  # another salt


def test_the_release_of_another_store_is_not_compared(scene: Scene) -> None:
    deployed(scene)
    scene.context.facts.clear()
    edit(scene, lambda module: module.update(env={}))
    assert status(scene).changed == {}


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_an_edited_fleet_is_named(scene: Scene, mode: str) -> None:
    fleet = {"device": None, "target_condition": OSLO, "mode": mode}
    assert deployed(scene, **fleet).changed == {}
    (name,) = scene.hub.found
    scene.hub.edit(name, condition="*")
    assert status(scene, **fleet).changed == {"target_condition": "changed on the hub to *"}
    up(scene, scene.request(2, **{**OPTIONS, **fleet}))
    assert name not in scene.hub.found
    assert status(scene, **fleet).changed == {}
    scene.context.variables["PASSWORD"] = "n3w"
    assert status(scene, **fleet).changed == {"registry.password": "secret changed"}
