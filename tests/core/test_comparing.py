"""`lading diff A B`: the fields that differ between two releases, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import Shell

import lading

from .conftest import MANIFEST

ROOMS = """\
version: 1
name: price
train:
  data: rooms.csv
  script: train.py
  params: {alpha: ALPHA}
register: {model: price}
package:
  environment: {conda: [scikit-learn]}
  samples: [{request: {data: [[2]]}, response: [20.0], tolerance: 1}]
targets: {local: {port: 0, env: {MODE: "MODES", TOKEN: "${TOKEN}"}}}
"""
TRAIN = """\
import csv
from sklearn.linear_model import Ridge

def train(data, log, alpha):
    rows = list(csv.DictReader(data.open()))
    log("rows", float(len(rows)))
    return Ridge(alpha=alpha).fit([[float(row["rooms"])] for row in rows], [float(row["price"]) for row in rows])
"""
ROWS = "rooms,price\n1,10\n2,20\n3,30\n"


def differences(shell: Shell, *argv: str) -> dict[tuple[str, str], tuple[Any, Any]]:
    """The differences of `lading diff`, by their group and name."""
    found = shell("diff", *argv, "--json").json()["differences"]
    return {(each["group"], each["name"]): (each["old"], each["new"]) for each in found}


@pytest.fixture
def rooms(shell: Shell) -> Shell:
    shell.env["TOKEN"] = "c4n4ry-1"
    shell.write("lading.yaml", ROOMS.replace("ALPHA", "0.001").replace("MODES", "calm"))
    shell.write("train.py", TRAIN)
    shell.write("rooms.csv", ROWS)
    shell("deploy")
    return shell


@pytest.mark.slow
def test_every_group_shows_only_the_fields_that_differ(rooms: Shell) -> None:
    rooms.write("lading.yaml", ROOMS.replace("ALPHA", "0.002").replace("MODES", "brisk").replace("20.0", "20.1"))
    rooms.write("train.py", TRAIN.replace('"rows"', '"all_rows"'))
    rooms.write("rooms.csv", ROWS + "4,40\n")
    rooms("deploy", TOKEN="c4n4ry-2")
    found = differences(rooms, "1", "2")
    digests = {("data", "rooms.csv"), ("code", "train.py"), ("package", "digest"), ("package", "model sha256")}
    for place in digests:
        old, new = found.pop(place)
        assert len(old) == len(new) == 64
        assert old != new
    assert found == {
        ("parameters", "params.alpha"): (0.001, 0.002),
        ("parameters", "model.alpha"): (0.001, 0.002),
        ("metrics", "rows"): (3.0, None),
        ("metrics", "all_rows"): (None, 4.0),
        ("package", "model"): ("price:1", "price:2"),
        ("package", "golden request 1.response"): ([20.0], [20.1]),
        ("options", "env.MODE"): ("calm", "brisk"),
        ("options", "${TOKEN}"): (None, None),
    }
    shown = rooms("diff", "1", "2")
    assert shown.out.splitlines()[0].split("  ")[0] == "group"
    groups = [line.split()[0] for line in shown.out.splitlines()[1:]]
    assert list(dict.fromkeys(groups)) == ["data", "code", "parameters", "metrics", "package", "options"]
    assert "${TOKEN}" in shown.out
    assert "another value" in shown.out
    assert "c4n4ry" not in shown.out
    assert shown.err == ""


@pytest.mark.slow
def test_requirements_are_compared_line_by_line(rooms: Shell) -> None:
    manifest = ROOMS.replace("ALPHA", "0.001").replace("MODES", "calm")
    rooms.write("lading.yaml", manifest.replace("[scikit-learn]", '[scikit-learn, "threadpoolctl==3.6.0"]'))
    rooms("deploy")
    found = differences(rooms, "1", "2")
    assert found.pop(("package", "digest"))
    ((place, (old, new)),) = found.items()
    assert place == ("environment", "threadpoolctl")
    assert old.startswith("threadpoolctl==3.")
    assert new == "threadpoolctl==3.6.0"


def test_equal_releases_do_not_differ(project: Shell) -> None:
    project("deploy")
    project("deploy", "--force")
    done = project("diff", "1", "2")
    assert (done.out, done.err) == ("", "the releases do not differ\n")
    assert differences(project, "1", "2") == {}


def test_a_rollback_equals_the_release_that_it_restores(project: Shell) -> None:
    project("deploy")
    project.write("cost.txt", "8")
    project.write("lading.yaml", MANIFEST.replace("[7]", "[8]"))
    project("deploy")
    project("rollback", "1")
    assert "do not differ" in project("diff", "1", "3").err
    assert differences(project, "3", "2")["metrics", "cost"] == (7.0, 8.0)


def test_an_unknown_release_is_refused_with_the_releases_that_exist(project: Shell) -> None:
    done = project("diff", "1", "2", code=2)
    assert "price on 'roll' has no release in this store" in done.err
    project("deploy")
    done = project("diff", "1", "2", code=2)
    assert "price on 'roll' has no release 2" in done.err
    assert "its releases are 1 (rate:1, up)" in done.err
    done = project("diff", "1", "2", "--target", "stop", code=2)
    assert "price on 'stop' has no release in this store" in done.err
    assert "--target names another: roll" in done.err
    assert "no target 'moon'" in project("diff", "1", "2", "--target", "moon", code=2).err
    project.write("lading.yaml", MANIFEST.replace("target: roll\n", ""))
    assert "several targets and no default" in project("diff", "1", "1", code=2).err


def test_a_removed_package_is_reported_and_the_rest_is_compared(project: Shell) -> None:
    project("deploy")
    project.write("cost.txt", "8")
    project.write("lading.yaml", MANIFEST.replace("[7]", "[8]"))
    project("deploy")
    project("gc", "--keep", "0", "--yes")
    done = project("diff", "1", "2")
    assert done.err == (
        "release 1: its package is gone from this store (`lading gc` removes old ones), "
        "so environment and files are not compared\n"
    )
    assert "cost.txt" in done.out
    assert project("diff", "1", "2", "--json").json()["notes"] == [done.err.strip()]


def test_finished_models_are_compared_without_a_run(project: Shell) -> None:
    finished = MANIFEST.replace("train: {plugin: constant, data: cost.txt}\n", "").replace(
        "{model: rate}", "{model: rate, file: cost.txt}"
    )
    project.write("lading.yaml", finished)
    project("deploy")
    project.write("cost.txt", "8")
    project.write("lading.yaml", finished.replace("[7]", "[8]"))
    project("deploy")
    done = project("diff", "1", "2")
    assert "rate:1" in done.out
    assert "release 1: rate:1 was not trained in this store (a finished model, " in done.err
    assert "so data, code and parameters are not compared" in done.err


def test_python_compares_the_same_releases(project: Shell) -> None:
    project("deploy")
    project.write("cost.txt", "8")
    project.write("lading.yaml", MANIFEST.replace("[7]", "[8]"))
    project("deploy")
    found = lading.diff(1, 2, project.folder)
    assert (found.old.release.number, found.new.release.number, found.notes) == (1, 2, ())
    (metric,) = (each for each in found.differences if each.group == "metrics")
    assert metric == lading.Difference(group="metrics", name="cost", old=7.0, new=8.0)
