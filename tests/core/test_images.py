"""The image of a package: who asks for it and when, with a stranger's maker and a stranger's target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell

MANIFEST = """\
version: 1
name: ferry
train: {plugin: crane, data: tons.txt}
package: {plugin: crane, samples: [{request: 1, response: [7]}]}
image: {plugin: cooper, wood: "${WOOD}"}
connections: {harbour: {berth: north}}
target: liner
targets: {liner: {}, quay: {}}
"""


@pytest.fixture
def port(shell: Shell, install: Callable[[str], Path]) -> Iterator[Shell]:
    shell.env |= {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry", "WOOD": "oak"}
    shell.env["HARBOUR_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("tons.txt", "7")
    yield shell
    shell("delete")


def told(port: Shell, hook: str) -> list[dict[str, str]]:
    """The calls of a hook since the last look."""
    log = Path(port.env["HARBOUR_LOG"])
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return [facts for name, facts in lines if name == hook]


def test_an_image_is_made_once_for_a_release_and_given_to_its_target(port: Shell) -> None:
    assert "image: known after deploy" in port("plan").out
    done = port("deploy")
    assert "image: started\nimage: hooping · oak\nimage: done · oak/ferry\ndeploy to liner: started" in done.err
    log = Path(port.env["HARBOUR_LOG"]).read_text()
    assert log.count('"lading_image", {"push": "True"') == 2  # Pending, then the image
    assert set(map(str, told(port, "loaded"))) == {"{'image': 'oak/ferry'}"}
    port("deploy")
    assert told(port, "lading_image") == []
    assert "image" not in port("plan").out


def test_another_image_is_another_release(port: Shell) -> None:
    port("deploy")
    port.env["WOOD"] = "elm"
    assert "its inputs changed" in port("plan").out
    port.write("lading.yaml", MANIFEST.replace("${WOOD}", "ash"))
    assert "~ image.wood: ${WOOD} → ash" in port("plan").out
    port("deploy")
    assert told(port, "loaded")[-1] == {"image": "ash/ferry"}
    assert [release["state"] for release in port("history", "--json").json()] == ["up", "superseded"]


def test_where_no_image_comes_about_no_release_begins(port: Shell) -> None:
    port("deploy")
    port.write("lading.yaml", MANIFEST.replace("${WOOD}", "ash"))
    failed = port("deploy", code=6, HARBOUR_FAULT="lading_image:gives-up")
    assert "the crane is out of order" in failed.err
    wrong = port("deploy", code=6, HARBOUR_FAULT="lading_image:wrong-type")
    assert "answered lading_image with str, not Image or Pending" in wrong.err
    assert [release["number"] for release in port("history", "--json").json()] == [1]
    assert port("score", "-d", "1").json() == [7.0]


def test_a_target_without_images_needs_no_maker(port: Shell) -> None:
    port.write("lading.yaml", MANIFEST.replace("plugin: cooper", "plugin: nobody"))
    del port.env["WOOD"]
    port("deploy", "--target", "quay")
    port("status", "--target", "liner")
    assert "image.plugin: no plugin named 'nobody' is installed" in port("deploy", code=2).err
    assert "note: image is not checked" in port("check").err
    port.write("lading.yaml", MANIFEST)
    port.env["WOOD"] = "oak"
    port("delete", "--target", "quay")


def test_image_commands_say_what_they_want(port: Shell) -> None:
    assert port("image", "build").out == "oak/ferry\n"
    assert {facts["push"] for facts in told(port, "lading_image")} == {"False"}
    made = port("image", "push", "--json").json()
    assert (made["reference"], made["platform"], made["digest"][:7]) == ("oak/ferry", "linux/amd64", "sha256:")
    assert {facts["push"] for facts in told(port, "lading_image")} == {"True"}
