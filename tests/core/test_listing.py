"""`lading list`: all our objects on the platforms of the targets, with their owners."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import Shell

from lading.store import open_store

MANIFEST = """\
version: 1
name: {name}
register: {{model: rate, file: model.txt}}
package: {{scoring_script: score.py, samples: [{{request: 1, response: 7}}]}}
targets: {{local: {{}}, again: {{plugin: local, service_name: {name}-again}}}}
"""
SCRIPT = "def init():\n    pass\n\ndef run(raw_data):\n    return 7\n"


@pytest.fixture
def deployed(shell: Shell) -> Iterator[Shell]:
    """A service of this manifest, one of another manifest, and one that another store has deployed."""
    shell.write("model.txt", "7")
    shell.write("score.py", SCRIPT)
    for name in ("price", "second", "third"):
        shell.write(f"{name}.yaml", MANIFEST.format(name=name))
    shell("deploy", "price.yaml")
    shell("deploy", "second.yaml")
    shell("deploy", "price.yaml", "--store", "other")
    yield shell
    for manifest, store in (("price.yaml", ".lading"), ("second.yaml", ".lading"), ("price.yaml", "other")):
        shell("delete", manifest, "--store", store)


def listed(shell: Shell, *argv: str) -> dict[tuple[str, str], str]:
    """The objects by their service and store folder, with their owners."""
    return {(each["service"], each["store"]): each["belongs"] for each in ours(shell, *argv)}


def ours(shell: Shell, *argv: str) -> list[dict[str, str]]:
    """The listed objects with their store folder, without those of other tests."""
    objects = shell("list", *argv, "--json").json()["objects"]
    owned = ((each, Path(each["owner"])) for each in objects)
    found = [(each, path.relative_to(shell.folder)) for each, path in owned if path.is_relative_to(shell.folder)]
    return [{**each, "store": path.parts[0]} for each, path in found]


@pytest.mark.slow
def test_each_object_is_listed_once_with_its_owner(deployed: Shell) -> None:
    assert listed(deployed, "price.yaml", "-t", "local", "-t", "again") == {
        ("price", ".lading"): "this manifest",
        ("second", ".lading"): "this store",
        ("price", "other"): "another store",
    }
    assert listed(deployed, "third.yaml", "--store", "other")[("price", "other")] == "this store"
    assert set(listed(deployed, "price.yaml", "--store", "none").values()) == {"another store"}


@pytest.mark.slow
def test_an_object_of_a_release_that_no_longer_serves_is_an_orphan(deployed: Shell) -> None:
    with closing(open_store(deployed.folder / "price.yaml", deployed.env, deployed.folder / ".lading")) as store:
        release = store.releases.current("price", "local")
        assert release is not None
        store.releases.finish(release, "failed")
    assert listed(deployed, "price.yaml")[("price", ".lading")] == "orphan"
    assert "orphan" in deployed("list", "price.yaml").out


@pytest.mark.slow
def test_a_target_that_has_its_plugin_by_the_full_name_shares_the_platform(deployed: Shell) -> None:
    text = MANIFEST.format(name="price").replace("again: {plugin: local", 'again: {plugin: "lading:local"')
    both = deployed.write("both.yaml", text)
    found = [(each["service"], each["owner"]) for each in ours(deployed, str(both))]
    assert len(found) == len(set(found))
    alone = deployed.write("alone.yaml", text.replace("local: {}, ", ""))
    assert ("price", ".lading") in listed(deployed, str(alone))


@pytest.mark.slow
def test_a_deleted_service_is_no_longer_listed(deployed: Shell) -> None:
    deployed("delete", "second.yaml")
    assert ("second", ".lading") not in listed(deployed, "second.yaml")


@pytest.mark.slow
def test_a_target_that_does_not_answer_is_a_warning_unless_it_is_named(project: Shell) -> None:
    file = project.folder / "lading.yaml"
    file.write_text(file.read_text() + "  capable: {}\n")
    project("deploy", "--target", "capable")
    fault = "lading_list@capable:gives-up"
    with_local = file.read_text() + "  local: {}\n"
    project.write("local.yaml", with_local)
    done = project("list", "local.yaml", "--json", HOOK_FAULT=fault)
    assert "'capable' is not listed: " in done.err
    assert "the platform is out of order" in done.err
    assert "the platform is out of order" in project("list", "--target", "capable", code=6, HOOK_FAULT=fault).err
    assert "the platform is out of order" in project("list", code=6, HOOK_FAULT=fault).err
    assert "the target 'roll' cannot list" in project("list", "--target", "roll", code=2).err
    assert "the manifest has no target 'none'" in project("list", "--target", "none", code=2).err
    project("delete", "--target", "capable")


def test_an_answer_with_foreign_content_is_a_fault_of_the_plugin(project: Shell) -> None:
    file = project.folder / "lading.yaml"
    file.write_text(file.read_text() + "  capable: {}\n")
    refused = project("list", "--target", "capable", code=6, HOOK_FAULT="lading_list@capable:wrong-item").err
    assert "returned a wrong answer from lading_list: Listing.objects[0] is str, not Listed" in refused
    refused = project("list", "--target", "capable", code=6, HOOK_FAULT="lading_list@capable:wrong-field").err
    assert "returned a wrong answer from lading_list: Listed.release is str, not int | None" in refused
