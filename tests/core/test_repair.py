"""A damaged store, from the command line: refused, explained, put right, and deployed from again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Shell

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
        file.unlink()  # a model laid out for a release is the same file
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
    assert "put right: " in done.err
    assert deployed("repair").out == ""
    deployed("deploy")
    assert (versions(deployed), deployed("uri").out) == (known, uri)
    assert deployed("score", "-d", '{"data": [[45]]}').out.startswith("[9")
    assert [row["number"] for row in deployed("history", "--json").json()][-1] == 1


@pytest.mark.parametrize("damage", [garbage, gone])
def test_other_commands_refuse_and_name_the_repair(shell: Shell, damage: Callable[[Path], None]) -> None:
    shell.write("lading.yaml", MANIFEST)
    shell.write("sal.csv", "x,y\n0,1\n1,3\n2,5\n")
    shell("register")
    damage(shell.folder / ".lading")
    for argv in (["deploy"], ["run", "list"], ["status"], ["gc"]):
        refused = shell(*argv, code=3)
        assert refused.err.startswith("error: ")
        assert "`lading repair`" in refused.err
    shell("repair", "--yes")
    assert shell("register").out == "salary-svc:1\n"


def test_a_newer_store_is_refused_with_both_versions(shell: Shell) -> None:
    shell("gc", "--yes")  # makes a store
    with closing(sqlite3.connect(shell.folder / ".lading" / "store.db")) as newer:
        newer.execute("PRAGMA user_version = 7")
    for argv in (["run", "list"], ["repair"], ["repair", "--yes"]):
        refused = shell(*argv, code=3).err
        assert "has format 7" in refused
        assert "reads format 1" in refused
        assert "pip install --upgrade lading" in refused


def test_what_it_says_in_words_and_as_json(shell: Shell) -> None:
    assert "there is no store in" in shell("repair", code=2).err
    shell("gc", "--yes")  # makes a store
    assert shell("repair").err == "nothing is wrong with the store\n"
    garbage(shell.folder / ".lading")
    assert "--yes would put right: 1 of 1" in shell("repair").err
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
def test_a_history_that_is_lost_for_good_is_not_mistaken_for_the_next_one(deployed: Shell) -> None:
    for name in ("store.db", "store.ledger"):
        (deployed.folder / ".lading" / name).unlink()
    deployed("repair", "--yes")
    refused = deployed("deploy", code=3)  # nothing says any more that the files of release 1 are ours
    assert "releases/1.json is not in the store's history" in refused.err
    assert deployed("score", "-d", '{"data": [[45]]}').out.startswith("[9")
    deployed("delete")
    deployed("deploy")
