"""A service moves if an option changes that says where it is, under the same name."""

from __future__ import annotations

from tests.conftest import Shell
from tests.core.conftest import MANIFEST


def write(project: Shell, pier: str) -> None:
    remote = f'  remote: {{pier: "{pier}"}}\n'
    project.write("lading.yaml", MANIFEST.replace("target: roll", "target: remote") + remote)


def test_a_service_that_moved_by_an_option_is_removed_from_its_old_place(project: Shell) -> None:
    platform = project.folder / "platform"
    platform.mkdir()
    project.env |= {"PLATFORM": str(platform), "PIER": "-west"}
    write(project, "-north")
    project("deploy")
    assert (platform / "price-north" / "served.json").exists()

    write(project, "${PIER}")
    assert "moved:" not in project("plan").out  # the store keeps no values of variables
    write(project, "-south")
    moved = "targets.remote.pier: price (pier -north), the old place, is removed once price (pier -south) is up"
    assert moved in project("plan").out
    rows = project("status", "--target", "remote", "--json").json()["deployments"]
    assert [(row["service"], row["state"]) for row in rows] == [("price", "absent"), ("price", "running")]
    assert "clearing the old place · price (pier -north)" in project("deploy").err
    assert not (platform / "price-north" / "served.json").exists()
    assert project("score", "-d", "1").json() == [7.0]
    assert [release["state"] for release in project("history", "--json").json()] == ["up", "superseded"]

    write(project, "-east")
    project("delete")  # of the service at its old place: it is not at the new one yet
    assert not list(platform.glob("*/served.json"))
    assert "moved:" not in project("plan").out
