"""Plugins that misbehave in a hook, in every role: who is named, what is kept, and how the command ends."""

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
name: ferry
train: {plugin: crane, data: tons.txt}
package: {plugin: crane}
connections: {harbour: {berth: north}}
observers: [{plugin: bell}]
gates: [{plugin: pilot}]
targets: {quay: {depth: 10000}, raft: {depth: 12}}
"""
PLUGINS = {
    "lading_connect": "plugin 'harbour'",
    "lading_train": "plugin 'crane'",
    "lading_track": "plugin 'harbour'",
    "lading_register": "plugin 'harbour'",
    "lading_package": "plugin 'crane'",
    "lading_gate": "plugin 'pilot'",
    "lading_deploy": "target 'quay'",
}
SAYS = {
    "raises": "failed in {hook}: ValueError: the rope broke",
    "exits": "failed in {hook}: SystemExit: 3",
    "cancels": "failed in {hook}: CancelledError",
    "gives-up": "failed in {hook}: the crane is out of order",
    "leaks": "failed in {hook}: ValueError: *** is not the password",
    "wrong-type": "answered {hook} with str, ",
}
# The others take longer than they tell.
USUAL = {"lading_train": "wrong-type", "lading_gate": "wrong-type", "lading_deploy": "raises"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, install: Callable[[str], Path]) -> Iterator[Shell]:
    """A project with a release that serves."""
    port = make_port(tmp_path_factory.mktemp("port"), install)
    port("deploy", "--target", "quay")
    yield port
    port("delete", "--target", "quay")


def make_port(folder: Path, install: Callable[[str], Path]) -> Shell:
    folder.mkdir(exist_ok=True)
    port = Shell(folder, {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry"})
    port.write("lading.yaml", MANIFEST)
    port.write("tons.txt", "7")
    return port


def cases() -> list[object]:
    # A connection may be anything, a string too; the first gate is asked before a secret is revealed.
    pairs = set(itertools.product(PLUGINS, SAYS)) - {("lading_connect", "wrong-type"), ("lading_gate", "leaks")}
    return [
        pytest.param(hook, fault, marks=() if USUAL.get(hook) == fault else pytest.mark.slow)
        for hook, fault in sorted(pairs)
    ]


@pytest.mark.parametrize(("hook", "fault"), cases())
def test_a_plugin_that_breaks_is_named_and_nothing_is_lost(port: Shell, hook: str, fault: str) -> None:
    serving = port("score", "--target", "quay", "-d", "1").json()
    new = serving[0] + 1
    port.write("tons.txt", str(new))
    done = port("deploy", "--target", "quay", code=6, HARBOUR_FAULT=f"{hook}:{fault}")
    assert f"{PLUGINS[hook]} (lading-harbour 2.1) {SAYS[fault].format(hook=hook)}" in done.err
    assert "c4n4ry" not in done.out + done.err
    assert done.out == ""
    assert "lading-harbour" in done.err.splitlines()[-1]  # the next step
    assert port("score", "--target", "quay", "-d", "1").json() == serving
    assert {run["state"] for run in port("run", "list", "--json").json()} <= {"finished", "failed"}
    port("deploy", "--target", "quay")
    assert port("score", "--target", "quay", "-d", "1").json() == [new]


@pytest.mark.parametrize(
    ("command", "hook", "fault"),
    [
        ("status", "lading_status", "raises"),
        ("uri", "lading_scoring_uri", "wrong-type"),
        ("delete", "lading_delete", "exits"),
    ],
)
def test_a_target_that_breaks_when_it_is_asked_is_named(port: Shell, command: str, hook: str, fault: str) -> None:
    done = port(command, "--target", "quay", code=6, HARBOUR_FAULT=f"{hook}:{fault}")
    assert f"target 'quay' (lading-harbour 2.1) {SAYS[fault].format(hook=hook)}" in done.err
    assert port("status", "--target", "quay", "--json").json()["deployments"][0]["state"] == "running"


def test_the_traceback_of_a_plugin_holds_no_secret(port: Shell) -> None:
    command = port.start("deploy", "--target", "quay", "--force", "-v", HARBOUR_FAULT="lading_deploy:leaks")
    _out, err = command.communicate(timeout=LIMIT)
    assert "harbour/__init__.py" in err
    assert "ValueError: *** is not the password" in err
    assert "c4n4ry" not in err


@pytest.mark.parametrize(
    ("fault", "says"), [("raises", "ValueError: the rope broke"), ("wrong-type", "where only raising counts")]
)
def test_an_observer_that_breaks_is_reported_and_never_fatal(port: Shell, fault: str, says: str) -> None:
    done = port("deploy", "--target", "quay", "--force", HARBOUR_FAULT=f"lading_observe:{fault}")
    assert done.out.startswith("http://")
    (warning,) = (line for line in done.err.splitlines() if line.startswith("warning: observer 'bell': "))
    assert "plugin 'bell' (lading-harbour 2.1)" in warning
    assert "lading_observe" in warning
    assert says in warning


@pytest.mark.parametrize("hook", ["lading_deploy", "lading_observe"])
def test_what_a_plugin_prints_is_reported_as_its_own(port: Shell, hook: str) -> None:
    done = port("deploy", "--target", "quay", "--force", HARBOUR_FAULT=f"{hook}:prints")
    (uri,) = done.out.splitlines()
    assert uri.startswith("http://127.0.0.1:")
    owner = PLUGINS.get(hook, "plugin 'bell'")
    assert f"warning: {owner} (lading-harbour 2.1) printed: harbour was here" in done.err.splitlines()
    assert "so was its child" in done.err.splitlines()  # which has no name to be called by


def test_what_a_plugin_prints_is_an_event_in_json(port: Shell) -> None:
    done = port("deploy", "--target", "quay", "--force", "--json", HARBOUR_FAULT="lading_deploy:prints")
    assert done.json()["deployments"][0]["uri"].startswith("http://127.0.0.1:")
    lines = [line for line in done.err.splitlines() if line != "so was its child"]
    warnings = {event["detail"] for event in map(json.loads, lines) if event["kind"] == "warning"}
    assert warnings == {"target 'quay' (lading-harbour 2.1) printed: harbour was here"}


def test_a_record_with_a_wrong_field_is_refused_where_it_is_answered(
    shell: Shell, install: Callable[[str], Path]
) -> None:
    shell.env["PYTHONPATH"] = f"{install('harbour')}:{install('broken')}"
    train = "train: {plugin: crane, data: tons.txt}\npackage: {plugin: crane}\n"
    shell.write("lading.yaml", f"version: 1\nname: ferry\n{train}targets: {{late: {{}}}}\n")
    shell.write("tons.txt", "7")
    done = shell("deploy", code=6)
    assert "target 'late' (lading-broken 0.1) answered lading_deploy wrongly: Pending.retry_after is str" in done.err
    done = shell("status", "--target", "late", code=6)
    assert (
        "target 'late' (lading-broken 0.1) answered lading_status wrongly: Status.state is str, not State" in done.err
    )


@pytest.mark.slow
def test_a_hook_that_hangs_is_named_and_nothing_is_lost(tmp_path: Path, install: Callable[[str], Path]) -> None:
    """All at once, for each takes its time limit and ten seconds of grace."""
    outside = ("lading_connect", "lading_deploy", "lading_track", "lading_register")
    codes = dict.fromkeys(PLUGINS, 6) | dict.fromkeys(outside, 7)
    with ThreadPoolExecutor(max_workers=len(codes)) as threads:
        ports = {hook: make_port(tmp_path / hook, install) for hook in codes}
        done = dict(zip(ports, threads.map(hang, ports.values(), ports), strict=True))
    for hook, port in ports.items():
        named = f"{PLUGINS[hook]} (lading-harbour 2.1) did not end {hook} in time and does not react"
        assert named in done[hook].err
        assert "run the same command again" in done[hook].err
        assert done[hook].code == codes[hook], hook
        assert {run["state"] for run in port("run", "list", "--json").json()} <= {"finished", "failed"}
        port("deploy", "--target", "quay")
        assert port("score", "--target", "quay", "-d", "1").json() == [7]
        port("delete", "--target", "quay")


def hang(port: Shell, hook: str) -> Done:
    return port("deploy", "--target", "quay", "--timeout", "10", code=None, HARBOUR_FAULT=f"{hook}:hangs")


@pytest.mark.slow
def test_an_observer_that_hangs_is_reported_and_never_fatal(port: Shell) -> None:
    started = time.monotonic()
    done = port("deploy", "--target", "quay", "--force", HARBOUR_FAULT="lading_observe:hangs")
    assert done.out.startswith("http://")
    assert "warning: observer 'bell': plugin 'bell' (lading-harbour 2.1) did not end lading_observe in time" in done.err
    assert time.monotonic() - started >= 10


@pytest.mark.slow
def test_a_target_that_hangs_does_not_hurry_the_next(port: Shell, tmp_path: Path) -> None:
    """The next target polls at its own pace: it was not told to stop."""
    port("delete", "--target", "raft")
    log = tmp_path / "calls.jsonl"
    quay = {"HARBOUR_FAULT": "lading_deploy@quay:hangs", "HARBOUR_LOG": str(log)}
    port.write("tons.txt", "6")  # quay has never had so few
    done = port("deploy", "--target", "quay", "--target", "raft", "--timeout", "10", code=7, **quay)
    assert "raft\thttp://" in done.out
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    assert 2 <= sum(hook == "lading_deploy" and facts["target"] == "raft" for hook, facts in steps) < 200
    port("delete", "--target", "raft")
