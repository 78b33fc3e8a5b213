"""Hooks that request another call, keys, and targets that cannot be queried."""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock, create_autospec

import pytest
from tests.conftest import ROOT, Shell

from lading import Transient
from lading.engine.session.context import HookContext
from lading.engine.session.session import Session

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


@pytest.mark.slow
def test_a_hook_is_called_again_on_request(toll: Shell) -> None:
    done = toll("deploy", TOLLGATE_WAITS="3")
    first, *_ = [line for line in done.err.splitlines() if "waiting" in line]  # at most one a second
    assert first == "waiting · 0.2 s: the gate is shut (1)"


@pytest.mark.parametrize(
    ("seconds", "waits"), [(math.inf, True), (1e300, True), (10**400, True), (math.nan, False), (-1.0, False)]
)
def test_any_wait_that_a_plugin_requests_fits_a_timer(
    monkeypatch: pytest.MonkeyPatch, seconds: float, waits: bool
) -> None:
    asked: list[float] = []
    cancel = threading.Event()
    monkeypatch.setattr(cancel, "wait", asked.append)
    session = create_autospec(Session, instance=True, cancel=cancel, events=Mock(), order=Mock(hook_timeout=None))
    answers = iter([Transient("later", retry_after=seconds), None])

    def hook() -> str:
        if error := next(answers):
            raise error
        return "done"

    assert Session.run_hook(session, Mock(), "lading_train", hook) == "done"
    Session.pause(session, seconds, "the deploy", "starting", None)
    again, step = asked
    assert (0 < again <= threading.TIMEOUT_MAX) == waits
    assert again >= 0
    assert 0 < step <= threading.TIMEOUT_MAX


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, 1e-9])
def test_the_steps_of_a_target_never_follow_at_once(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    asked: list[float] = []
    cancel = threading.Event()
    monkeypatch.setattr(cancel, "wait", asked.append)
    Session.pause(create_autospec(Session, instance=True, cancel=cancel), seconds, "the deploy", "starting", None)
    assert asked == [0.1]


@pytest.mark.slow
def test_a_hook_is_called_five_times_and_the_next_command_continues(toll: Shell) -> None:
    assert "the gate is shut (5)" in toll("deploy", code=5, TOLLGATE_WAITS="7").err
    done = toll("deploy", TOLLGATE_WAITS="7")
    assert "resuming" in done.err
    assert "release 1" in done.err


@pytest.mark.slow
def test_the_wait_ends_at_the_time_limit(toll: Shell) -> None:
    toll("package")
    done = toll("deploy", "--timeout", "0.1", code=5, TOLLGATE_WAITS="2")
    assert "the gate is shut (1)" in done.err
    assert "try again in 0.2 s: that is after the time limit of this command" in done.err


@pytest.mark.slow
def test_keys_are_redacted_unless_requested_and_can_be_rotated(toll: Shell) -> None:
    toll("deploy")
    assert toll("keys").out == "primary  ***\n"
    assert toll("keys", "--show").out == "primary  p1-c4n4ry\n"
    assert toll("keys", "--rotate", "primary", "--show", "--json").json() == {
        "primary": "p2-c4n4ry",
        "secondary": None,
        "expires": None,
    }
    assert "is not deployed" in toll("keys", "--target", "local", code=6).err


def test_a_target_that_cannot_be_queried_is_unknown_and_hides_no_other(toll: Shell) -> None:
    account = 'connections: {azureml: {subscription_id: "${NOWHERE}", resource_group: g, workspace: w}}\n'
    toll.write("lading.yaml", account + MANIFEST.replace("targets: {", "targets: {aci: {}, "))
    rows = {row["target"]: row for row in toll("status", "--json").json()["deployments"]}
    assert rows["tollgate"]["state"] == "absent"
    assert rows["aci"]["state"] == "unknown"
    assert "NOWHERE is not set" in rows["aci"]["detail"]
    assert "NOWHERE is not set" in toll("status", "--target", "aci", code=2).err


@pytest.mark.slow
def test_one_call_of_a_hook_can_be_limited(project: Shell) -> None:
    done = project("deploy", code=7, LADING_HOOK_TIMEOUT="1", HOOK_FAULT="lading_deploy:hangs")
    assert "target 'roll' (lading-thirdparty 2.1) did not end lading_deploy in time" in done.err
    project("deploy")


@pytest.mark.slow
def test_the_limit_of_a_hook_is_named_if_more_time_helps(project: Shell) -> None:
    done = project("deploy", code=6, LADING_HOOK_TIMEOUT="1", HOOK_FAULT="lading_train:hangs")
    assert "did not end lading_train in time" in done.err
    assert "give it more time with LADING_HOOK_TIMEOUT" in done.err


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_the_limit_of_a_hook_is_a_number_of_seconds(project: Shell, text: str) -> None:
    done = project("deploy", code=2, LADING_HOOK_TIMEOUT=text)
    assert f"LADING_HOOK_TIMEOUT is '{text}', which is not a number of seconds above 0" in done.err


@pytest.mark.parametrize(("seconds", "most"), [(600.0, 600.0), (-5.0, 0.0)])
def test_a_hook_learns_the_seconds_that_its_command_has_left(seconds: float, most: float) -> None:
    left = _with_end(time.monotonic() + seconds).seconds_left
    assert left is not None
    assert 0 <= left <= most


def test_a_command_without_a_limit_has_no_seconds_left() -> None:
    assert _with_end(None).seconds_left is None


def _with_end(end: float | None) -> HookContext:
    return HookContext(Path(), Mock(), Mock(), {}, threading.Event(), end=end)
