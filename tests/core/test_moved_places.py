"""A service moves if its connection changes, or an option that says where it is, under the same name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import MANIFEST


def write(project: Shell, pier: str) -> None:
    remote = f'  remote: {{pier: "{pier}"}}\n'
    project.write("lading.yaml", MANIFEST.replace("target: roll", "target: remote") + remote)


@pytest.mark.slow
def test_a_service_that_moved_by_an_option_is_removed_from_its_old_place(project: Shell) -> None:
    platform = project.folder / "platform"
    platform.mkdir()
    project.env |= {"PLATFORM": str(platform), "PIER": "-west"}
    write(project, "-north")
    project("deploy")
    assert (platform / "price-north" / "served.json").exists()

    write(project, "-south")
    moved = "targets.remote.pier: price (pier -north), the old place, is removed once price (pier -south) is up"
    assert moved in project("plan").out
    rows = project("status", "--target", "remote", "--json").json()["deployments"]
    assert [(row["service"], row["state"]) for row in rows] == [("price", "absent"), ("price", "running")]
    assert "clearing the old place · price (pier -north)" in project("deploy").err
    assert not (platform / "price-north" / "served.json").exists()
    assert project("score", "-d", "1").json() == [7.0]
    assert [release["state"] for release in project("history", "--json").json()] == ["up", "superseded"]
    assert "no earlier release with another package or other options" in project("rollback", code=2).err

    write(project, "-east")
    project("delete")  # of the service at its old place: it is not at the new one yet
    assert not list(platform.glob("*/served.json"))
    assert "moved:" not in project("plan").out


PRICE = "targets.remote.pier: price"


@pytest.mark.slow
def test_a_place_with_a_variable_is_compared_by_its_value(project: Shell) -> None:
    platform = project.folder / "platform"
    platform.mkdir()
    project.env |= {"PLATFORM": str(platform), "PIER": "-north"}
    write(project, "-north")
    project("deploy")
    write(project, "${PIER}")
    assert "moved:" not in project("plan").out
    moved = f"{PRICE} (pier -north), the old place, is removed once price (pier ${{PIER}}) is up"
    assert moved in project("plan", PIER="-west").out
    assert "clearing the old place · price (pier -north)" in project("deploy", PIER="-west").err
    assert [file.parent.name for file in platform.glob("*/served.json")] == ["price-west"]

    write(project, "-west")
    assert "moved:" not in project("plan").out
    write(project, "-south")
    moved = f"{PRICE} (pier ${{PIER}}), the old place, is removed once price (pier -south) is up"
    assert moved in project("plan", PIER="-west").out
    assert "clearing the old place" in project("deploy", PIER="-west").err
    assert [file.parent.name for file in platform.glob("*/served.json")] == ["price-south"]
    stored = b"".join(file.read_bytes() for file in Path(project.folder, ".lading").glob("*.db*"))
    assert b"-west" not in stored


@pytest.mark.slow
def test_an_old_place_whose_value_is_not_known_any_more_is_named_until_it_is_cleared(project: Shell) -> None:
    platform = project.folder / "platform"
    platform.mkdir()
    project.env |= {"PLATFORM": str(platform), "PIER": "-north"}
    write(project, "${PIER}")
    project("deploy")
    planned = project("plan", PIER="-south").out
    assert f"{PRICE} (another value of ${{PIER}} for pier), the old place, stays" in planned
    lost = "the manifest does not name it any more: the value of pier has changed since"
    assert f"the old place, is not cleared yet: {lost}" in project("deploy", PIER="-south").err
    rows = project("status", "--target", "remote", "--json", PIER="-south").json()["deployments"]
    assert [(row["state"], lost in row["detail"]) for row in rows] == [("running", False), ("unknown", True)]
    assert "nothing to do" in project("plan", PIER="-south").out
    failed = project("delete", PIER="-south", code=6).err
    assert "set the variable of pier to its earlier value" in failed
    project("delete")
    assert not list(platform.glob("*/served.json"))


def connect(project: Shell, name: str, south: str = "abroad: {plugin: hosting, region: south}") -> None:
    text = MANIFEST.replace("{hosting: {region: north}}", f"{{hosting: {{region: north}}, {south}}}")
    block = f"  remote: {{connection: {name}}}\n"
    project.write("lading.yaml", text.replace("target: roll", "target: remote") + block)


def standing(project: Shell) -> list[tuple[str, str, str]]:
    rows = project("status", "--target", "remote", "--json").json()["deployments"]
    return [(row["service"], row["state"], row["detail"]) for row in rows]


@pytest.mark.slow
def test_a_service_that_moved_to_another_connection_is_removed_from_its_old_one(project: Shell) -> None:
    platform = project.folder / "platform"
    platform.mkdir()
    project.env |= {"PLATFORM": str(platform)}
    connect(project, "abroad")
    project("deploy")
    assert (platform / "price@south" / "served.json").exists()

    connect(project, "hosting", south='abroad: {plugin: hosting, region: "${REGION}"}')
    lost = "the connection 'abroad' is not in the manifest any more, or one of its variables is not set"
    (_, old) = standing(project)
    assert old[1:] == ("unknown", f"{lost}; at its old place, which the next `lading deploy` clears")
    assert f"price (connection abroad), the old place, is not cleared yet: {lost}" in project("deploy").err
    assert standing(project)[0] == ("price", "running", "")

    connect(project, "hosting")
    place = "targets.remote.connection: price (connection abroad), the old place,"
    assert f"{place} is removed once price (connection hosting) is up" in project("plan").out
    assert "clearing the old place · price (connection abroad)" in project("deploy").err
    assert not (platform / "price@south" / "served.json").exists()
    assert standing(project) == [("price", "running", "")]
    assert "nothing to do" in project("plan").out

    keeping = (project.folder / "lading.yaml").read_text().replace("hosting}", "abroad, keep_old_place: true}")
    project.write("lading.yaml", keeping)
    (_, old) = standing(project)
    assert old[1:] == ("running", "at its old place, and it stays there")
    project.write("lading.yaml", keeping.replace("abroad, keep_old_place: true}", "hosting}"))
    project("delete")
    assert not list(platform.glob("*/served.json"))


@pytest.mark.slow
def test_a_service_of_an_edited_connection_is_removed_from_its_old_account(project: Shell) -> None:
    platform = project.folder / "platform"
    platform.mkdir()
    project.env |= {"PLATFORM": str(platform)}
    connect(project, "abroad")
    project("deploy")
    edited = "abroad: {plugin: hosting, region: west}"
    connect(project, "abroad", south=edited)
    moved = "connections.abroad.region: price (connection.region south), the old place, is removed once price"
    assert moved in project("plan").out
    assert [row[1] for row in standing(project)] == ["absent", "running"]
    assert "clearing the old place · price (connection.region south)" in project("deploy").err
    assert [file.parent.name for file in platform.glob("*/served.json")] == ["price@west"]
    assert standing(project) == [("price", "running", "")]
    connect(project, "abroad", south=edited.replace("west", '"${REGION}"'))
    assert "moved:" not in project("plan", REGION="west").out
    assert "price (connection.region west), the old place, is removed" in project("plan", REGION="east").out
    project("delete", REGION="east")
    assert not list(platform.glob("*/served.json"))


def test_a_service_of_another_plugin_is_named(project: Shell) -> None:
    project.write(
        "lading.yaml", MANIFEST.replace("roll: {}", "here: {plugin: roll}").replace("target: roll", "target: here")
    )
    project("deploy")
    project.write(
        "lading.yaml", MANIFEST.replace("roll: {}", "here: {plugin: capable}").replace("target: roll", "target: here")
    )
    planned = project("plan").out
    assert "targets.here.plugin: price (plugin roll), the old place, stays there" in planned


@pytest.mark.slow
def test_a_move_that_fails_leaves_the_service_at_its_old_place_alone(project: Shell) -> None:
    platform = project.folder / "platform"
    platform.mkdir()
    project.env |= {"PLATFORM": str(platform)}
    write(project, "-north")
    project("deploy")
    served = (platform / "price-north" / "served.json").read_bytes()
    project.write("cost.txt", "99")
    write(project, "-south")
    failed = project("deploy", code=8).err
    assert "release 2 of price on 'remote' did not come up" in failed
    assert (platform / "price-north" / "served.json").read_bytes() == served
    assert not (platform / "price-south" / "served.json").exists()
    assert [release["state"] for release in project("history", "--json").json()] == ["failed", "up"]
    write(project, "-north")
    assert "price (pier -south), the old place, is removed" in project("plan").out  # if something is left there
    project("delete")
    assert not list(platform.glob("*/*.json"))
