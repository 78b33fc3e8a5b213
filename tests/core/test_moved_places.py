"""A service moves if its connection changes, or an option that says where it is, under the same name."""

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
    assert "no earlier release with another package or other options" in project("rollback", code=2).err

    write(project, "-east")
    project("delete")  # of the service at its old place: it is not at the new one yet
    assert not list(platform.glob("*/served.json"))
    assert "moved:" not in project("plan").out


def connect(project: Shell, name: str, south: str = "abroad: {plugin: hosting, region: south}") -> None:
    text = MANIFEST.replace("{hosting: {region: north}}", f"{{hosting: {{region: north}}, {south}}}")
    block = f"  remote: {{connection: {name}}}\n"
    project.write("lading.yaml", text.replace("target: roll", "target: remote") + block)


def standing(project: Shell) -> list[tuple[str, str, str]]:
    rows = project("status", "--target", "remote", "--json").json()["deployments"]
    return [(row["service"], row["state"], row["detail"]) for row in rows]


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
