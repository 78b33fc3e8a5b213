"""A service moves to another workspace: the old one is cleared once the new one is up, or it is left as it is."""

from __future__ import annotations

import pytest
from tests.targets.azureml.azureml_kit import CREATE, SERVICE, Cloud

pytestmark = pytest.mark.slow

ANSWER = "[141760.56910569107]\n"
NEW = "salary-new"


def move(cloud: Cloud, old: str, new: str) -> None:
    """Write another workspace into the connection. A missing one is created."""
    cloud.edit(f"    workspace: {old}\n", f"    workspace: {new}\n")


def services(cloud: Cloud) -> dict[str, list[str]]:
    """The names of the services in each workspace."""
    return {found["name"]: list(found["services"]) for found in cloud.azure.world["workspaces"].values()}


def states(cloud: Cloud) -> list[tuple[str, str]]:
    rows = cloud("status", "--json").json()["deployments"]
    return [(row["state"], row["detail"]) for row in rows]


def test_a_service_in_another_workspace_is_removed_from_the_old_one_or_left_there(cloud: Cloud) -> None:
    old = cloud.azure.workspace.workspace
    cloud.connect("create: true")
    cloud("deploy")

    move(cloud, old, NEW)
    was, now = (f"salary-svc (connection.workspace {name})" for name in (old, NEW))
    planned = " ".join(cloud("plan").out.split())
    assert f"connections.azureml.workspace: {was}, the old place, is removed once {now} is up" in planned
    assert "keep_old_place: true" in planned
    assert states(cloud) == [("absent", ""), ("running", "at its old place, which the next `lading deploy` clears")]
    assert f"clearing the old place · {was}" in cloud("deploy").err
    assert services(cloud) == {old: [], NEW: ["salary-svc"]}
    (removed,) = cloud.azure.calls.like("DELETE", f"{old}{SERVICE}")
    (created,) = cloud.azure.calls.like("POST", f"{NEW}{CREATE}")
    healthy = cloud.azure.calls.like("POST", f"{NEW}/services/salary-svc/listkeys")[0]  # for the golden requests
    assert created.number < healthy.number < removed.number
    assert states(cloud) == [("running", "")]
    assert cloud.scores() == ANSWER

    move(cloud, NEW, old)
    cloud.edit("  aci:\n", "  aci:\n    keep_old_place: true\n")
    assert f"{now}, the old place, stays there" in " ".join(cloud("plan").out.split())
    cloud("deploy")
    assert services(cloud) == {old: ["salary-svc"], NEW: ["salary-svc"]}
    cloud("delete")
    assert services(cloud) == {old: [], NEW: ["salary-svc"]}


def test_a_delete_removes_the_service_from_the_old_workspace_too(cloud: Cloud) -> None:
    old = cloud.azure.workspace.workspace
    cloud("deploy")
    cloud.connect("create: true")
    move(cloud, old, NEW)
    cloud("delete")
    assert services(cloud) == {old: []}
    assert states(cloud) == [("absent", "")]
