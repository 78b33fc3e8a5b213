"""Hooks that ask to be called again, keys, and targets that cannot be asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell

MANIFEST = """\
version: 1
name: toll
train: {data: sal.csv, features: [x], label: y, estimator: sklearn.linear_model.LinearRegression}
targets: {tollgate: {}, local: {}}
target: tollgate
"""


@pytest.fixture
def toll(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env["PYTHONPATH"] = str(install("tollgate"))
    shell.write("lading.yaml", MANIFEST)
    shutil.copy(ROOT / "data" / "sal.csv", shell.folder)
    return shell


def test_a_hook_is_called_again_when_it_asks_for_it(toll: Shell) -> None:
    done = toll("deploy", TOLLGATE_WAITS="3")
    assert [line for line in done.err.splitlines() if "waiting" in line] == [
        f"waiting · 0.2 s: the gate is shut ({number})" for number in (1, 2, 3)
    ]


def test_it_is_called_five_times_and_the_next_command_goes_on(toll: Shell) -> None:
    assert "the gate is shut (5)" in toll("deploy", code=5, TOLLGATE_WAITS="7").err
    done = toll("deploy", TOLLGATE_WAITS="7")
    assert "resuming" in done.err
    assert "release 1" in done.err


def test_it_is_not_waited_for_longer_than_there_is_time(toll: Shell) -> None:
    toll("package")
    assert "the gate is shut (1)" in toll("deploy", "--timeout", "0.1", code=5, TOLLGATE_WAITS="2").err


def test_keys_are_masked_unless_asked_for_and_made_anew(toll: Shell) -> None:
    toll("deploy")
    assert toll("keys").out == "primary  ***\n"
    assert toll("keys", "--show").out == "primary  p1-c4n4ry\n"
    assert toll("keys", "--rotate", "primary", "--show", "--json").json() == {
        "primary": "p2-c4n4ry",
        "secondary": None,
        "expires": None,
    }
    assert "the target 'local' has no keys" in toll("keys", "--target", "local", code=2).err


def test_a_target_that_cannot_be_asked_is_unknown_and_hides_no_other(toll: Shell) -> None:
    account = 'connections: {azureml: {subscription_id: "${NOWHERE}", resource_group: g, workspace: w}}\n'
    toll.write("lading.yaml", account + MANIFEST.replace("targets: {", "targets: {aci: {}, "))
    rows = {row["target"]: row for row in toll("status", "--json").json()["deployments"]}
    assert rows["tollgate"]["state"] == "absent"
    assert rows["aci"]["state"] == "unknown"
    assert "NOWHERE is not set" in rows["aci"]["detail"]
    assert "NOWHERE is not set" in toll("status", "--target", "aci", code=2).err
