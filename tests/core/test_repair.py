"""A damaged store on the command line: refused, explained, repaired, and used for a deploy again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Shell

from lading.store.database import FORMAT

MANIFEST = """\
version: 1
name: salary-svc
train: {data: sal.csv, features: [x], label: y, estimator: sklearn.linear_model.LinearRegression}
package: {samples: [{request: {data: [[21]]}, response: [43]}]}
"""


@pytest.fixture
def deployed(shell: Shell) -> Shell:
    shell.write("lading.yaml", MANIFEST)
    shell.write("sal.csv", "x,y\n" + "".join(f"{x},{2 * x + 1}\n" for x in range(21)))
    shell("deploy")
    return shell


def garbage(store: Path) -> None:
    (store / "store.db").write_bytes(b"garbage")


def truncated(store: Path) -> None:
    os.truncate(store / "store.db", 5000)


def gone(store: Path) -> None:
    (store / "store.db").unlink()


def files_altered(store: Path) -> None:
    for file in store.glob("files/*"):
        whole = file.read_bytes()
        file.unlink()  # a model in a release's folder is the same file
        file.write_bytes(b"x" + whole[1:])


def files_gone(store: Path) -> None:
    for file in store.glob("files/*"):
        file.unlink()


def packages_gone(store: Path) -> None:
    for package in store.glob("packages/*"):
        package.rename(store / "tmp" / package.name)


def all_of_it(store: Path) -> None:
    garbage(store)
    files_gone(store)
    packages_gone(store)


def versions(shell: Shell) -> list[tuple[Any, ...]]:
    return [
        (m["name"], m["version"], m["sha256"], m["tags"], m["run"]) for m in shell("model", "list", "--json").json()
    ]


DAMAGES = (garbage, truncated, gone, files_altered, files_gone, packages_gone, all_of_it)


@pytest.mark.parametrize(
    "damage", [damage if damage is all_of_it else pytest.param(damage, marks=pytest.mark.slow) for damage in DAMAGES]
)
def test_after_repair_a_deploy_ends_well_and_the_versions_are_kept(
    deployed: Shell, damage: Callable[[Path], None]
) -> None:
    known, uri = versions(deployed), deployed("uri").out
    damage(deployed.folder / ".lading")
    done = deployed("repair", "--yes")
    assert "repaired: " in done.err
    assert deployed("repair").out == ""
    deployed("deploy")
    assert (versions(deployed), deployed("uri").out) == (known, uri)
    assert deployed("score", "-d", '{"data": [[45]]}').out.startswith("[9")
    assert [row["number"] for row in deployed("history", "--json").json()][-1] == 1


def make_store(shell: Shell) -> None:
    shell.write("lading.yaml", MANIFEST)
    shell.write("sal.csv", "x,y\n0,1\n1,3\n2,5\n")
    shell("register")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [garbage, gone])
def test_other_commands_refuse_and_name_the_repair(shell: Shell, damage: Callable[[Path], None]) -> None:
    make_store(shell)
    damage(shell.folder / ".lading")
    for argv in (["deploy"], ["run", "list"], ["status"], ["gc"]):
        refused = shell(*argv, code=3)
        assert refused.err.startswith("error: ")
        assert "`lading repair`" in refused.err
    shell("repair", "--yes")
    assert shell("register").out == "salary-svc:1\n"


def test_a_newer_store_is_refused_with_both_versions(shell: Shell) -> None:
    make_store(shell)
    with closing(sqlite3.connect(shell.folder / ".lading" / "store.db")) as newer:
        newer.execute("PRAGMA user_version = 7")
    for argv in (["run", "list"], ["repair"], ["repair", "--yes"]):
        refused = shell(*argv, code=3).err
        assert "has format 7" in refused
        assert f"reads format {FORMAT}" in refused
        assert "pip install --upgrade lading" in refused


@pytest.mark.slow
def test_its_text_and_its_json(shell: Shell) -> None:
    assert "has no store yet" in shell("repair", code=2).err
    make_store(shell)
    assert shell("repair").err == "the store has no problems\n"
    garbage(shell.folder / ".lading")
    assert "--yes would repair: 1 of 1" in shell("repair").err
    found = shell("repair", "--json").json()
    assert found["repaired"] is False
    assert [(one["kind"], one["name"], one["problem"]) for one in found["findings"]] == [
        ("database", "store.db", "damaged")
    ]
    assert (shell.folder / ".lading" / "store.db").read_bytes() == b"garbage"
    found = shell("repair", "--json", "--yes").json()
    (kept,) = shell.folder.glob(".lading/damaged/*/store.db")
    assert str(kept.parent.relative_to(shell.folder / ".lading")) in found["findings"][0]["remedy"]
    assert kept.read_bytes() == b"garbage"


@pytest.mark.slow
def test_a_lost_history_is_not_confused_with_the_next_one(deployed: Shell) -> None:
    for name in ("store.db", "store.ledger"):
        (deployed.folder / ".lading" / name).unlink()
    deployed("repair", "--yes")
    deployed("deploy")  # the files of the lost release 1 stay, because the new release 1 has another id
    assert deployed("score", "-d", '{"data": [[45]]}').out.startswith("[9")
    deployed("delete")
    deployed("deploy")
