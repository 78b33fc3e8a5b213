"""A second writer of a service: it is named, and Lading does not fight with it without an end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.targets.azureml.memory_workspace import Scene, scene_in

from lading import DeployStep, OutcomeUnknown, Pending, Ready, StageFailed
from lading_azureml_services import aci
from lading_azureml_services.options import AciOptions

PACKAGE = "e" * 64
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A service of release 1, and release 2 that was just requested."""
    scene = scene_in(tmp_path)
    aci.lading_deploy(scene.request(AciOptions()), scene.context)
    scene.workspace.settle("salary")
    assert aci.lading_deploy(scene.request(AciOptions()), scene.context) == Ready()
    scene.workspace.asked.clear()
    assert isinstance(step(scene), Pending)
    return scene


def step(scene: Scene) -> DeployStep:
    return aci.lading_deploy(scene.request(AciOptions(), 2, digest=PACKAGE), scene.context)


def undo(scene: Scene, **tags: str) -> None:
    """Finish our request, and change the service like another program."""
    scene.workspace.settle("salary")
    found = scene.workspace.services["salary"]
    changed = {**found.tags, "lading.package": "f" * 64, "lading.release-id": "theirs", **tags}
    scene.workspace.services["salary"] = replace(found, tags=changed, updated=AT)


def test_a_release_that_another_writer_undoes_is_requested_again(scene: Scene) -> None:
    undo(scene)
    assert isinstance(step(scene), Pending)
    assert scene.workspace.asked == ["update", "update"]
    assert scene.context.warnings == [
        "another writer has changed salary: Lading with another store, for the release with the id theirs, "
        "at 2026-01-02 03:04:05 UTC; it is updated again"
    ]
    scene.workspace.settle("salary")
    assert step(scene) == Ready()


def test_a_release_that_is_undone_three_times_ends(scene: Scene) -> None:
    for number in range(2):
        undo(scene, **{"lading.release-id": f"theirs-{number}"})
        assert isinstance(step(scene), Pending)
    undo(scene)
    with pytest.raises(StageFailed) as caught:
        step(scene)
    assert caught.value.message == (
        "the service salary was changed or removed 3 times right after it was updated; the last writer: "
        "Lading with another store, for the release with the id theirs, at 2026-01-02 03:04:05 UTC"
    )
    assert caught.value.hint == "stop the other writer of salary, then run the same command again"
    assert scene.workspace.asked == ["update"] * 3


def test_a_service_that_lost_our_tags_is_left_alone(scene: Scene) -> None:
    scene.workspace.settle("salary")
    scene.workspace.services["salary"] = replace(scene.workspace.services["salary"], tags={"team": "other"})
    with pytest.raises(StageFailed) as caught:
        step(scene)
    expected = "another writer has taken the service salary during this deploy: a program without Lading"
    assert caught.value.message == expected
    assert "salary is left alone" in str(caught.value.hint)
    assert scene.workspace.asked == ["update"]


def test_commands_whose_release_is_never_shown_end_after_three_requests(scene: Scene) -> None:
    old = scene.request(AciOptions()).tags
    for kind in (OutcomeUnknown, OutcomeUnknown, StageFailed):
        scene.workspace.settle("salary")
        found = scene.workspace.services["salary"]
        scene.workspace.services["salary"] = replace(found, tags={**found.tags, **old})
        with pytest.raises(kind):
            [step(scene) for _ in range(20)]
        if kind is OutcomeUnknown:
            assert isinstance(step(scene), Pending)
    assert scene.workspace.asked == ["update"] * 3


def test_a_forgotten_operation_does_not_hide_another_writer(scene: Scene) -> None:
    undo(scene)
    scene.workspace.forget_operations()
    assert isinstance(step(scene), Pending)
    assert scene.workspace.asked == ["update", "update"]
