"""The image of a package: who requests it and when, with a third-party maker and target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
package: {plugin: constant, samples: [{request: 1, response: [7]}]}
image: {plugin: builder, base: "${BASE}"}
connections: {hosting: {region: north}}
target: puller
targets: {puller: {}, roll: {}}
"""


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Iterator[Shell]:
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry", "BASE": "oak"}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("cost.txt", "7")
    yield shell
    shell("delete")


def told(project: Shell, hook: str) -> list[dict[str, str]]:
    """The calls of a hook since the last read."""
    log = Path(project.env["HOOK_LOG"])
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return [facts for name, facts in lines if name == hook]


def test_an_image_is_made_once_for_a_release_and_given_to_its_target(project: Shell) -> None:
    assert "image: known after deploy" in project("plan").out
    done = project("deploy")
    assert "image: started\nimage: building · oak\nimage: done · oak/price\ndeploy to puller: started" in done.err
    log = Path(project.env["HOOK_LOG"]).read_text()
    assert log.count('"lading_image", {"push": "True"') == 2  # Pending, then the image
    assert set(map(str, told(project, "loaded"))) == {"{'image': 'oak/price'}"}
    project("deploy")
    assert told(project, "lading_image") == []
    assert "image" not in project("plan").out


def test_another_image_is_another_release(project: Shell) -> None:
    project("deploy")
    project.env["BASE"] = "elm"
    assert "its inputs changed" in project("plan").out
    project.write("lading.yaml", MANIFEST.replace("${BASE}", "ash"))
    assert "~ image.base: ${BASE} → ash" in project("plan").out
    project("deploy")
    assert told(project, "loaded")[-1] == {"image": "ash/price"}
    assert [release["state"] for release in project("history", "--json").json()] == ["up", "superseded"]


def test_without_an_image_no_release_begins(project: Shell) -> None:
    project("deploy")
    project.write("lading.yaml", MANIFEST.replace("${BASE}", "ash"))
    failed = project("deploy", code=6, HOOK_FAULT="lading_image:gives-up")
    assert "the platform is out of order" in failed.err
    wrong = project("deploy", code=6, HOOK_FAULT="lading_image:wrong-type")
    assert "returned str from lading_image, not Image or Pending" in wrong.err
    assert [release["number"] for release in project("history", "--json").json()] == [1]
    assert project("score", "-d", "1").json() == [7.0]


def test_the_whole_log_of_a_failed_build_is_kept_until_a_build_succeeds(project: Shell) -> None:
    failed = project("deploy", code=6, BASE="rotten oak")
    assert "the wood breaks" in failed.err
    assert "nail 49 into ${BASE}" in failed.err
    assert "rotten" not in failed.err
    file = failed.err.partition("the whole log of the build is in ")[2].partition("\n")[0]
    lines = "".join(f"nail {number} into ${{BASE}}\n" for number in range(50))
    assert Path(file).read_text("utf-8") == lines.rstrip()
    assert project("logs", "--build").out == lines
    project("deploy")
    assert "the last image build has not failed" in project("logs", "--build", code=2).err


def test_a_target_without_images_needs_no_maker(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("plugin: builder", "plugin: nobody"))
    del project.env["BASE"]
    project("deploy", "--target", "roll")
    project("status", "--target", "puller")
    assert "image.plugin: no plugin named 'nobody' is installed" in project("deploy", code=2).err
    assert "note: image is not checked" in project("check").err
    project.write("lading.yaml", MANIFEST)
    project.env["BASE"] = "oak"
    project("delete", "--target", "roll")


@pytest.mark.slow
def test_options_that_need_no_image_need_no_maker(project: Shell) -> None:
    project("deploy")
    bare = MANIFEST.replace("puller: {}", "puller: {bare: true}").replace("plugin: builder", "plugin: nobody")
    project.write("lading.yaml", bare)
    told(project, "loaded")
    project("deploy")
    assert told(project, "loaded")[0] == {"image": ""}
    assert "needs an image, and the block of the target needs none now" in project("rollback", "1", code=3).err
    project.write("lading.yaml", MANIFEST)
    project("rollback", "1")
    assert told(project, "loaded")[0] == {"image": "oak/price"}
    project("rollback", "2")
    assert told(project, "loaded")[0] == {"image": ""}


def test_image_commands_name_their_needs(project: Shell) -> None:
    assert project("image", "build").out == "oak/price\n"
    assert {facts["push"] for facts in told(project, "lading_image")} == {"False"}
    made = project("image", "push", "--json").json()
    assert (made["reference"], made["platform"], made["digest"][:7]) == ("oak/price", "linux/amd64", "sha256:")
    assert {facts["push"] for facts in told(project, "lading_image")} == {"True"}
