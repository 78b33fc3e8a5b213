"""`lading eject`: the release that serves, or the one of the manifest, as files without any secret."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import Shell
from tests.core.test_preflight import calls
from tests.waiting import LIMIT

import lading
from lading.base.redaction import Hidden
from lading.engine.release.ejecting import in_yaml
from lading.plugin.faults import unusable

CANARY = "c4n4ry-flag"


@pytest.fixture
def capable(project: Shell) -> Shell:
    project.env["FLAG"] = CANARY
    write(project, "capable: {flag: red}")
    return project


def write(shell: Shell, block: str, image: str = "") -> None:
    file = shell.folder / "lading.yaml"
    text = file.read_text().partition("image: ")[0].partition("target: ")[0]
    name = block.partition(":")[0]
    file.write_text(f"{text}{image}target: {name}\ntargets:\n  {block}\n")


def server(shell: Shell, folder: str = "made") -> dict[str, Any]:
    """What the file of a server says. It always needs a password."""
    found: dict[str, Any] = json.loads((shell.folder / folder / "server" / "server.json.example").read_text())
    return found


@pytest.mark.slow
def test_the_release_that_serves_is_written_with_its_options(capable: Shell) -> None:
    capable("deploy")
    write(capable, "capable: {flag: green}")
    calls(capable)
    done = capable("eject", "made")
    assert done.out == "made\n"
    assert "price on 'capable': release 1" in done.err
    assert "server/server.json.example needs SERVER_PASSWORD" in done.err
    assert "SERVER_PASSWORD: any word" in done.err
    assert "train" not in calls(capable)
    (release,) = capable("history", "--json").json()
    about = server(capable)
    assert about["flag"] == "red"
    assert about["tags"]["lading.release-id"] == release["id"]
    assert about["tags"]["lading.package"] == release["package_digest"]
    assert (capable.folder / "made" / "order.txt").read_text() == "server/server.json\n"
    assert (capable.folder / "made" / ".gitignore").read_text() == "/server/server.json\n"
    capable("delete")


@pytest.mark.slow
def test_without_a_deployment_it_is_the_release_of_the_manifest(capable: Shell) -> None:
    done = capable("eject", "made", "--json")
    assert capable("history", "--json").json() == []
    made = done.json()
    assert (made["release"], made["service"], made["target"]) == (None, "price", "capable")
    assert made["package"] == capable("package", "--json").json()["digest"]
    assert made["files"] == ["server/server.json.example", "order.txt"]
    assert made["unfilled"] == {"server/server.json": ["SERVER_PASSWORD"]}
    assert made["placeholders"] == {"SERVER_PASSWORD": "any word"}
    capable("eject", "again")
    assert server(capable, "again") == server(capable)
    write(capable, "capable: {flag: green}")
    capable("eject", "other")
    first, other = (server(capable, name)["tags"]["lading.release-id"] for name in ("made", "other"))
    assert first != other, "two releases with other options have one name"


def test_the_manifest_is_named_before_the_folder(capable: Shell) -> None:
    (capable.folder / "lading.yaml").rename(capable.folder / "other.yaml")
    assert capable("eject", "other.yaml", "--target", "capable", "made").out == "made\n"
    for paths in ([], ["other.yaml", "made", "made"]):
        assert "name one folder, after the manifest if you name one" in capable("eject", *paths, code=2).err


@pytest.mark.parametrize("deployed", [False, True])
def test_a_value_of_a_variable_is_left_out_until_it_is_filled_in(capable: Shell, deployed: bool) -> None:
    write(capable, 'capable: {flag: "${FLAG}"}')
    if deployed:
        capable("deploy")
        write(capable, "capable: {flag: white}")
    made = capable("eject", "made", "--json")
    assert server(capable)["flag"] == "${FLAG}"
    assert set(made.json()["unfilled"]["server/server.json"]) == {"FLAG", "SERVER_PASSWORD"}
    folder = capable.folder / "made"
    assert CANARY not in made.out + made.err + "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    if shutil.which("envsubst") is None:
        pytest.skip("envsubst is not installed")
    env = {"PATH": "/usr/bin:/bin", "FLAG": CANARY, "SERVER_PASSWORD": "a $word"}
    command = " && ".join(made.json()["commands"])
    done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, check=True, timeout=LIMIT)
    filled = json.loads(done.stdout)
    assert (filled["flag"], filled["password"]) == (CANARY, "a $word")
    if deployed:
        capable("delete")


@pytest.mark.parametrize("value", ['say "please" now', "two\nlines of text", "back\\slash"])
def test_a_value_that_envsubst_cannot_fill_in_is_refused(capable: Shell, value: str) -> None:
    capable.env["FLAG"] = value
    write(capable, 'capable: {flag: "${FLAG}"}')
    done = capable("eject", "made", code=2)
    assert "a value of FLAG needs quotes or escapes in server/server.json" in done.err
    assert not (capable.folder / "made").exists()


def test_a_value_of_another_block_is_left_out_too(capable: Shell) -> None:
    write(capable, f'capable: {{flag: {CANARY}}}\n  roll: {{flag: "${{FLAG}}"}}')
    done = capable("eject", "made", "--json").json()
    assert set(done["unfilled"]["server/server.json"]) == {"FLAG", "SERVER_PASSWORD"}
    assert server(capable)["flag"] == "${FLAG}"


@pytest.mark.parametrize("style", ['"', "'"])
@pytest.mark.parametrize("value", ["@d'Artagnan99", 'a "word" of it', "the \x1b[31mred one", "naïve \x07 word"])
def test_a_value_in_yaml_is_found(style: str, value: str) -> None:
    text = yaml.safe_dump({"flag": value}, default_style=style, allow_unicode=True, width=sys.maxsize)
    with closing(Hidden()) as hidden:
        for form in (value, in_yaml(value, allow_unicode=True), in_yaml(value, allow_unicode=False)):
            hidden.hide_variables({"FLAG": form})
        assert yaml.safe_load(hidden.redacted(text)) == {"flag": "${FLAG}"}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_folder_with_files_is_refused_before_any_work(capable: Shell, kind: str) -> None:
    made = capable.write("made" if kind == "file" else "made/kept.txt", "mine")
    done = capable("eject", "made", code=2)
    assert "made exists already\n  name a new folder, or an empty one" in done.err
    assert made.read_text() == "mine"
    assert not Path(capable.env["HOOK_LOG"]).exists()


def test_an_empty_folder_is_filled(capable: Shell) -> None:
    (capable.folder / "made").mkdir()
    capable("eject", "made")
    assert server(capable)["flag"] == "red"


def test_a_target_that_writes_no_files_says_so(capable: Shell) -> None:
    write(capable, "roll: {}")
    done = capable("eject", "made", code=2)
    assert "the target 'roll' has no files to eject\n  `lading package export`" in done.err
    assert not (capable.folder / "made").exists()


def test_a_path_that_leaves_the_folder_is_a_fault_of_the_plugin(capable: Shell) -> None:
    done = capable("eject", "made", code=6, HOOK_FAULT="lading_eject:wrong-path")
    assert "Ejected.files['../up.json'] is not a path in the folder" in done.err
    assert not (capable.folder / "up.json").exists()
    assert not (capable.folder / "made").exists()


@pytest.mark.parametrize("path", ["", ".", "/etc/x", "a/../../x", "a\\b", "a\nb", ".."])
def test_a_path_outside_is_unusable(path: str) -> None:
    assert unusable(lading.Ejected(files={path: ""}, commands=())) is not None
    assert unusable(lading.Ejected(files={"a/b.yaml": "", "c": ""}, commands=())) is None


@pytest.mark.slow
def test_beside_a_canary_nothing_is_written(capable: Shell) -> None:
    write(capable, "router: {}")
    capable("deploy")
    capable("deploy", "--force", "--canary", "10")
    done = capable("eject", "made", code=3)
    assert "release 2 of price on 'router' is a canary" in done.err
    assert not (capable.folder / "made").exists()
    capable("delete")


@pytest.mark.slow
def test_another_image_than_the_one_that_serves_is_reported(capable: Shell) -> None:
    write(capable, "puller: {}", image="image: {plugin: builder}\n")
    capable("deploy")
    assert "warning" not in capable("eject", "made").err
    assert server(capable)["image"] == "oak/price"
    write(capable, "puller: {}", image="image: {plugin: builder, base: elm}\n")
    done = capable("eject", "other")
    assert "warning: the block `image` or the plugins have changed since release 1" in done.err
    assert server(capable, "other")["image"] == "elm/price"
    capable("delete")


@pytest.mark.slow
def test_a_package_that_is_gone_is_named(capable: Shell) -> None:
    capable("deploy")
    (release,) = capable("history", "--json").json()
    package = capable.folder / ".lading" / "packages" / release["package_digest"]
    package.rename(package.with_name("gone"))
    done = capable("eject", "made", code=2)
    assert f"package {release['package_digest'][:12]} of release 1 is not in the store" in done.err
    capable("delete")
