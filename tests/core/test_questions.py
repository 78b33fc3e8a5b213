"""Queries and removals work without variables that they do not use, and name missing plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell

from lading.model import Deployment, Options, State, Status
from lading.python.live import compared_with_store

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
register: {model: rate, description: "${DESCRIPTION}", tags: {key: "${TAG}"}}
package: {plugin: constant, samples: [{request: "${ASKED}", response: [WEIGHT]}]}
connections: {hosting: {region: north}, other: {plugin: "${OTHER}", region: "${OTHER}"}}
gates: [{plugin: guard, closed: ["${CLOSED}"]}]
target: capable
targets:
  capable: {flag: "${FLAG}"}
  local: {service_name: price-local, env: {TOKEN: "${TOKEN}"}}
  other: {plugin: "${OTHER}"}
"""
FULL = MANIFEST.replace("hosting: {", "hosting: {plugin: lading-thirdparty:hosting, ").replace(
    "capable: {", 'capable: {plugin: "lading_thirdparty:capable", '
)
NAMES = ("DESCRIPTION", "TAG", "ASKED", "CLOSED", "FLAG", "TOKEN")
VARIABLES = dict.fromkeys(NAMES, "as it is set") | {"OTHER": "opaque"}
ASKING = [["uri"], ["logs"], ["score", "-d", "1"], ["keys"]]
QUESTIONS = [*ASKING, ["status"], ["status", "--target", "capable"], ["history"]]
UP_THERE = "no target named 'capable' is installed, and release 2 of price is up there: pip install lading-thirdparty"
CLASH = "target 'capable' is offered by Lading.Squatter 0.3 and lading-thirdparty 2.1"
NEXT = "write `plugin: Lading.Squatter:capable` or `plugin: lading-thirdparty:capable`"


@pytest.fixture
def deployed(shell: Shell, install: Callable[[str], Path]) -> Iterator[Shell]:
    """A service with two releases, each with another package."""
    installed = str(install("thirdparty"))
    whole = {"PYTHONPATH": installed, "HOSTING_PASSWORD": "c4n4ry", "HOOK_LOG": str(shell.folder / "calls.jsonl")}
    for weight in ("7", "8"):
        shell.write("cost.txt", weight)
        shell.write("lading.yaml", MANIFEST.replace("WEIGHT", weight))
        shell.env |= whole | VARIABLES
        shell("deploy")
    for name in VARIABLES:
        del shell.env[name]
    yield shell
    shell.env |= whole | VARIABLES
    shell.write("lading.yaml", MANIFEST.replace("WEIGHT", "8"))


@pytest.mark.slow
def test_variables_that_a_command_does_not_use_need_not_be_set(deployed: Shell) -> None:
    for argv in QUESTIONS:
        deployed(*argv)
    rows = {row["target"]: row for row in deployed("status", "--json").json()["deployments"]}
    assert (rows["capable"]["state"], rows["capable"]["release"], rows["local"]["state"]) == ("running", 2, "absent")
    assert "lading.yaml:10:19: targets.capable.flag: the environment variable FLAG is not set" in (
        deployed("rollback", code=2, CLOSED="as it is set").err
    )
    deployed("rollback", CLOSED="as it is set", FLAG="white")
    assert deployed("score", "-d", "1").out == "[7.0]\n"
    deployed("delete")
    assert "is not on 'capable'" in deployed("delete").err


@pytest.mark.slow
def test_a_used_variable_is_named_at_its_line(deployed: Shell) -> None:
    deployed.write("lading.yaml", MANIFEST.replace("region: north", 'region: "${NORTH}"'))
    for argv in (*ASKING, ["status", "--target", "capable"], ["delete"]):
        err = deployed(*argv, code=2).err
        assert "lading.yaml:6:33: connections.hosting.region: the environment variable NORTH is not set" in err


@pytest.mark.slow
def test_a_plugin_that_is_gone_is_named_with_its_distribution(deployed: Shell) -> None:
    deployed.env["PYTHONPATH"] = ""
    for argv in (*ASKING, ["delete"], ["rollback"]):
        assert UP_THERE in deployed(*argv, code=2, CLOSED="as it is set", FLAG="white").err
    assert len(deployed("history", "--json").json()) == 2
    rows = {row["target"]: row for row in deployed("status", "--json").json()["deployments"]}
    assert (rows["capable"]["state"], rows["capable"]["release"]) == ("unknown", 2)
    assert UP_THERE in rows["capable"]["detail"]
    assert rows["local"]["state"] == "absent"
    (row,) = deployed("status", "--target", "capable", "--json", code=6).json()["deployments"]
    assert (row["state"], row["release"]) == ("unknown", 2)


@pytest.mark.slow
def test_a_doubled_plugin_is_reached_by_its_full_name(deployed: Shell, install: Callable[[str], Path]) -> None:
    deployed.env["PYTHONPATH"] += f":{install('squatter')}"
    for argv in (*ASKING, ["delete"], ["rollback"]):
        err = deployed(*argv, code=6, CLOSED="as it is set", FLAG="white").err
        assert CLASH in err
        assert NEXT in err
    assert len(deployed("history", "--json").json()) == 2
    rows = {row["target"]: row for row in deployed("status", "--json").json()["deployments"]}
    assert (rows["capable"]["state"], rows["capable"]["release"]) == ("unknown", 2)
    assert NEXT in rows["capable"]["detail"]
    assert rows["local"]["state"] == "absent"
    deployed.write("lading.yaml", FULL.replace("WEIGHT", "8"))
    for argv in QUESTIONS:
        deployed(*argv)
    deployed.env |= VARIABLES
    assert deployed("deploy", "--json").json()["deployments"][0]["reused"]  # one plugin, one cache key


@pytest.mark.slow
def test_lading_keeps_its_own_names(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = str(install("squatter"))
    shell.write("model.bin", "x")
    text = """\
version: 1
name: price
register: {file: model.bin}
connections: {hosting: {}}
targets: {local: {}, cove: {plugin: "lading.squatter:local", service_name: bay}}
"""
    shell.write("lading.yaml", text)
    rows = {row["target"]: row["detail"] for row in shell("status", "--json").json()["deployments"]}
    assert rows["cove"] == "says a second account"
    assert "second account" not in rows["local"]
    listed = {(row["name"], row["distribution"], row["status"]) for row in shell("target", "list", "--json").json()}
    assert {("local", "lading", "installed"), ("Lading.Squatter:local", "Lading.Squatter", "installed")} <= listed
    assert "place" in shell("target", "show", "Lading.Squatter:local").out
    assert "scoring_timeout" in shell("target", "show", "local").out
    assert "place" in shell("plugin", "show", "Lading.Squatter:local").out
    assert "scoring_timeout" in shell("plugin", "show", "local").out
    known = shell("schema").json()["$defs"]
    assert "workers" in known["target.local"]["properties"]
    assert "place" in known["target.Lading.Squatter:local"]["properties"]
    shell.write("lading.yaml", text.replace("{local: {}", '{local: {}, again: {plugin: "lading:local"}'))
    assert "targets.again.plugin: the same service as targets.local" in shell("check", code=2).err


@pytest.mark.parametrize(
    ("state", "serves", "known", "detail"),
    [
        (State.RUNNING, "a" * 64, "a" * 64, "slow"),
        (State.RUNNING, "a" * 64, None, "slow"),
        (State.RUNNING, None, "b" * 64, "slow"),
        (State.FAILED, "a" * 64, "b" * 64, "slow"),
        (
            State.RUNNING,
            "a" * 64,
            "b" * 64,
            "slow; it serves package aaaaaaaaaaaa, but release 3 of this store has package bbbbbbbbbbbb: "
            "`lading deploy` serves it",
        ),
    ],
)
def test_status_says_if_another_package_serves(
    state: State, serves: str | None, known: str | None, detail: str
) -> None:
    status = Status(state=state, package_digest=serves, detail="slow")
    deployment = Deployment(service="price", target="t", options=Options(), release=3, package_digest=known)
    assert compared_with_store(status, deployment).detail == detail
