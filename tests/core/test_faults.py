"""Plugins that fail in a hook, in every role: the named plugin, the kept data, and the end of the command."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import Done, Shell
from tests.waiting import LIMIT

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
package: {plugin: constant}
connections: {hosting: {region: north}}
observers: [{plugin: bell}]
gates: [{plugin: guard}]
targets: {roll: {depth: 10000}, stop: {depth: 12}}
"""
PLUGINS = {
    "lading_connect": "plugin 'hosting'",
    "lading_train": "plugin 'constant'",
    "lading_track": "plugin 'hosting'",
    "lading_register": "plugin 'hosting'",
    "lading_package": "plugin 'constant'",
    "lading_gate": "plugin 'guard'",
    "lading_deploy": "target 'roll'",
}
SAYS = {
    "raises": "failed in {hook}: ValueError: the connection broke",
    "exits": "failed in {hook}: SystemExit: 3",
    "cancels": "failed in {hook}: CancelledError",
    "gives-up": "failed in {hook}: the platform is out of order",
    "ends-well": "failed in {hook}: nothing is wrong",
    "leaks": "failed in {hook}: ValueError: *** is not the password",
    "wrong-type": "returned str from {hook}, ",
}
# The others take longer than they report.
USUAL = {"lading_train": "wrong-type", "lading_gate": "wrong-type", "lading_deploy": "raises"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, install: Callable[[str], Path]) -> Iterator[Shell]:
    """A project with a release that serves."""
    project = make_project(tmp_path_factory.mktemp("project"), install)
    project("deploy", "--target", "roll")
    yield project
    project("delete", "--target", "roll")


def make_project(folder: Path, install: Callable[[str], Path]) -> Shell:
    folder.mkdir(exist_ok=True)
    project = Shell(
        folder, {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}
    )
    project.write("lading.yaml", MANIFEST)
    project.write("cost.txt", "7")
    return project


def cases() -> list[object]:
    # A connection can be anything, even a string. The first gate is called before a secret is revealed.
    pairs = set(itertools.product(PLUGINS, SAYS)) - {("lading_connect", "wrong-type"), ("lading_gate", "leaks")}
    return [
        pytest.param(hook, fault, marks=() if USUAL.get(hook) == fault else pytest.mark.slow)
        for hook, fault in sorted(pairs)
    ]


@pytest.mark.parametrize(("hook", "fault"), cases())
def test_a_plugin_that_breaks_is_named_and_nothing_is_lost(project: Shell, hook: str, fault: str) -> None:
    serving = project("score", "--target", "roll", "-d", "1").json()
    new = serving[0] + 1
    project.write("cost.txt", str(new))
    done = project("deploy", "--target", "roll", code=6, HOOK_FAULT=f"{hook}:{fault}")
    assert f"{PLUGINS[hook]} (lading-thirdparty 2.1) {SAYS[fault].format(hook=hook)}" in done.err
    assert "c4n4ry" not in done.out + done.err
    assert done.out == ""
    assert "lading-thirdparty" in done.err.splitlines()[-1]  # the next step
    assert project("score", "--target", "roll", "-d", "1").json() == serving
    assert {run["state"] for run in project("run", "list", "--json").json()} <= {"finished", "failed"}
    project("deploy", "--target", "roll")
    assert project("score", "--target", "roll", "-d", "1").json() == [new]


@pytest.mark.parametrize(
    ("command", "hook", "fault"),
    [
        ("status", "lading_status", "raises"),
        ("status", "lading_status", "ends-well"),
        ("uri", "lading_scoring_uri", "wrong-type"),
        ("delete", "lading_delete", "exits"),
    ],
)
def test_a_target_that_breaks_when_it_is_queried_is_named(project: Shell, command: str, hook: str, fault: str) -> None:
    done = project(command, "--target", "roll", code=6, HOOK_FAULT=f"{hook}:{fault}")
    assert f"target 'roll' (lading-thirdparty 2.1) {SAYS[fault].format(hook=hook)}" in done.err
    assert project("status", "--target", "roll", "--json").json()["deployments"][0]["state"] == "running"


def test_the_traceback_of_a_plugin_holds_no_secret(project: Shell) -> None:
    command = project.start("deploy", "--target", "roll", "--force", "-v", HOOK_FAULT="lading_deploy:leaks")
    _out, err = command.communicate(timeout=LIMIT)
    assert "thirdparty/__init__.py" in err
    assert "ValueError: *** is not the password" in err
    assert "c4n4ry" not in err


@pytest.mark.parametrize(
    ("fault", "says"),
    [("raises", "ValueError: the connection broke"), ("wrong-type", "which must return None or raise")],
)
def test_an_observer_that_breaks_is_reported_and_never_fatal(project: Shell, fault: str, says: str) -> None:
    done = project("deploy", "--target", "roll", "--force", HOOK_FAULT=f"lading_observe:{fault}")
    assert done.out.startswith("http://")
    (warning,) = (line for line in done.err.splitlines() if line.startswith("warning: observer 'bell': "))
    assert "plugin 'bell' (lading-thirdparty 2.1)" in warning
    assert "lading_observe" in warning
    assert says in warning


@pytest.mark.parametrize("hook", ["lading_deploy", "lading_observe"])
def test_output_of_a_plugin_is_reported_with_its_name(project: Shell, hook: str) -> None:
    done = project("deploy", "--target", "roll", "--force", HOOK_FAULT=f"{hook}:prints")
    (uri,) = done.out.splitlines()
    assert uri.startswith("http://127.0.0.1:")
    owner = PLUGINS.get(hook, "plugin 'bell'")
    assert f"warning: {owner} (lading-thirdparty 2.1) printed: the plugin was here" in done.err.splitlines()
    assert "so was its child" in done.err.splitlines()  # the child process has no name to report


def test_output_of_a_plugin_is_an_event_in_json(project: Shell) -> None:
    done = project("deploy", "--target", "roll", "--force", "--json", HOOK_FAULT="lading_deploy:prints")
    assert done.json()["deployments"][0]["uri"].startswith("http://127.0.0.1:")
    lines = [line for line in done.err.splitlines() if line != "so was its child"]
    warnings = {event["detail"] for event in map(json.loads, lines) if event["kind"] == "warning"}
    assert warnings == {"target 'roll' (lading-thirdparty 2.1) printed: the plugin was here"}


def test_a_record_with_a_wrong_field_is_refused_at_its_hook(shell: Shell, install: Callable[[str], Path]) -> None:
    shell.env["PYTHONPATH"] = f"{install('thirdparty')}:{install('broken')}"
    train = "train: {plugin: constant, data: cost.txt}\npackage: {plugin: constant}\n"
    shell.write("lading.yaml", f"version: 1\nname: price\n{train}targets: {{late: {{}}}}\n")
    shell.write("cost.txt", "7")
    done = shell("deploy", code=6)
    assert (
        "target 'late' (lading-broken 0.1) returned a wrong answer from lading_deploy: Pending.retry_after is str"
        in done.err
    )
    done = shell("status", "--target", "late", code=6)
    assert (
        "target 'late' (lading-broken 0.1) returned a wrong answer from lading_status: Status.state is str, not State"
        in done.err
    )


@pytest.mark.slow
def test_a_hook_that_hangs_is_named_and_nothing_is_lost(tmp_path: Path, install: Callable[[str], Path]) -> None:
    """All cases run at once, because each takes its time limit and a grace period of ten seconds."""
    outside = ("lading_connect", "lading_deploy", "lading_track", "lading_register")
    codes = dict.fromkeys(PLUGINS, 6) | dict.fromkeys(outside, 7)
    with ThreadPoolExecutor(max_workers=len(codes)) as threads:
        projects = {hook: make_project(tmp_path / hook, install) for hook in codes}
        done = dict(zip(projects, threads.map(hang, projects.values(), projects), strict=True))
    for hook, project in projects.items():
        named = f"{PLUGINS[hook]} (lading-thirdparty 2.1) did not end {hook} in time and does not react"
        assert named in done[hook].err
        assert "run the same command again" in done[hook].err
        assert done[hook].code == codes[hook], hook
        assert {run["state"] for run in project("run", "list", "--json").json()} <= {"finished", "failed"}
        project("deploy", "--target", "roll")
        assert project("score", "--target", "roll", "-d", "1").json() == [7]
        project("delete", "--target", "roll")


def hang(project: Shell, hook: str) -> Done:
    return project("deploy", "--target", "roll", "--timeout", "10", code=None, HOOK_FAULT=f"{hook}:hangs")


@pytest.mark.slow
def test_an_observer_that_hangs_is_reported_and_never_fatal(project: Shell) -> None:
    started = time.monotonic()
    done = project("deploy", "--target", "roll", "--force", HOOK_FAULT="lading_observe:hangs")
    assert done.out.startswith("http://")
    assert (
        "warning: observer 'bell': plugin 'bell' (lading-thirdparty 2.1) did not end lading_observe in time" in done.err
    )
    assert time.monotonic() - started >= 10


@pytest.mark.slow
def test_a_target_that_hangs_does_not_hurry_the_next(project: Shell, tmp_path: Path) -> None:
    """The next target polls at its own pace, because it was not asked to stop."""
    project("delete", "--target", "stop")
    log = tmp_path / "calls.jsonl"
    roll = {"HOOK_FAULT": "lading_deploy@roll:hangs", "HOOK_LOG": str(log)}
    project.write("cost.txt", "6")  # roll never had so few
    done = project("deploy", "--target", "roll", "--target", "stop", "--timeout", "10", code=7, **roll)
    assert "stop\thttp://" in done.out
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    assert 2 <= sum(hook == "lading_deploy" and facts["target"] == "stop" for hook, facts in steps) < 200
    project("delete", "--target", "stop")
