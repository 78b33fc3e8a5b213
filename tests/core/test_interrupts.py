"""Interrupted commands, and commands that find the service locked by another."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import wait_for
from tests.waiting import LIMIT

from lading import Interrupted, LadingError


def test_no_handler_of_failures_catches_an_interrupt() -> None:
    with pytest.raises(Interrupted), suppress(LadingError, Exception):
        raise Interrupted("interrupted")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_reports_finished_stages_and_the_same_command_resumes(
    project: Shell, number: signal.Signals, code: int
) -> None:
    command = project.start("deploy", HOOK_FAULT="lading_deploy:hangs")
    log = Path(project.env["HOOK_LOG"])
    wait_for(lambda: log.exists() and "lading_deploy" in log.read_text())
    command.send_signal(number)
    time.sleep(0.2)
    command.send_signal(number)  # the hook does not react, so the second signal ends it at once
    _out, err = command.communicate(timeout=LIMIT)
    assert command.returncode == code
    assert "interrupted; done: train, register, package; not done: deploy\n" in err
    assert "to go on, run the same command again: lading deploy\n" in err
    done = project("deploy")
    assert "resuming · release 1" in done.err
    assert project("score", "-d", "1").out.strip() == "[7.0]"


@pytest.mark.parametrize(
    ("hook", "done", "left"),
    [
        ("train", "nothing", "train, register, package, deploy"),
        ("package", "train, register", "package, deploy"),
        pytest.param("connect", "nothing", "train, register, package, deploy", marks=pytest.mark.slow),
        pytest.param("track", "nothing", "train, register, package, deploy", marks=pytest.mark.slow),
        pytest.param("register", "train, register, package", "register in hosting, deploy", marks=pytest.mark.slow),
        pytest.param("gate", "nothing", "train, register, package, deploy", marks=pytest.mark.slow),
        pytest.param("scoring_uri", "train, register, package, deploy to roll", "nothing", marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_in_any_stage_reports_the_remaining_ones_and_the_same_command_finishes(
    project: Shell, hook: str, done: str, left: str
) -> None:
    command = project.start("deploy", HOOK_FAULT=f"lading_{hook}:hangs")
    log = Path(project.env["HOOK_LOG"])
    wait_for(lambda: log.exists() and f"lading_{hook}" in log.read_text())
    for _ in range(2):
        command.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    out, err = command.communicate(timeout=LIMIT)
    assert (command.returncode, out) == (143, "")
    assert f"interrupted; done: {done}; not done: {left}\n" in err
    assert {run["state"] for run in project("run", "list", "--json").json()} <= {"finished", "failed"}
    project("deploy")
    assert project("score", "-d", "1").out.strip() == "[7.0]"
    assert project("repair").err.startswith("the store has no problems")


def test_a_registry_that_fails_is_reported_as_a_failure_of_the_stage_register(project: Shell) -> None:
    done = project("deploy", code=6, HOOK_FAULT="lading_register:raises")
    assert "register: failed" in done.err.splitlines()


def test_an_interrupt_counts_each_target_as_a_stage(project: Shell) -> None:
    targets = ("--target", "stop", "--target", "roll")
    command = project.start("deploy", *targets, HOOK_FAULT="lading_deploy@roll:hangs")
    log = Path(project.env["HOOK_LOG"])
    wait_for(
        lambda: (
            log.exists() and any("lading_deploy" in line and "roll" in line for line in log.read_text().splitlines())
        )
    )
    for _ in range(2):
        command.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    _out, err = command.communicate(timeout=LIMIT)
    assert "done: train, register, package, deploy to stop; not done: deploy to roll\n" in err
    assert "lading deploy --target stop --target roll\n" in err


def test_the_second_of_two_commands_names_the_first_or_waits_and_continues(project: Shell) -> None:
    first = project.start("deploy", HOOK_FAULT="lading_deploy:hangs")
    log = Path(project.env["HOOK_LOG"])
    wait_for(lambda: log.exists() and "lading_deploy" in log.read_text())
    for second in ("deploy", "delete"):
        done = project(second, code=4)
        assert f"'roll/price' is locked by 'lading deploy lading.yaml' (pid {first.pid}, since 20" in done.err
        assert "--lock-wait" in done.err
    waiting = project.start("deploy", "--lock-wait", "1m")
    time.sleep(1)
    assert waiting.poll() is None
    first.kill()
    first.communicate()
    _out, err = waiting.communicate(timeout=LIMIT)
    assert waiting.returncode == 0
    assert f"taking over · 'lading deploy lading.yaml' (pid {first.pid}, since 20" in err
    assert "resuming · release 1" in err


def test_a_lock_names_the_command_that_holds_it(project: Shell) -> None:
    project("deploy")
    first = project.start("delete", HOOK_FAULT="lading_delete:hangs")
    log = Path(project.env["HOOK_LOG"])
    wait_for(lambda: "lading_delete" in log.read_text())
    assert "is locked by 'lading delete lading.yaml' (pid" in project("deploy", "--force", code=4).err
    first.kill()
    first.communicate()


def state_of(project: Shell) -> str:
    (release,) = project("history", "--json").json()
    return str(release["state"])


def test_an_interrupted_delete_is_finished_by_the_same_command(project: Shell) -> None:
    project("deploy")
    command = project.start("delete", DELETE_PAUSE="600")
    log = Path(project.env["HOOK_LOG"])
    wait_for(lambda: "lading_delete" in log.read_text())
    command.send_signal(signal.SIGINT)
    _out, err = command.communicate(timeout=LIMIT)
    assert command.returncode == 130
    assert "to go on, run the same command again: lading delete\n" in err
    assert state_of(project) == "up"
    done = project("delete")
    assert "delete from roll: stopping · served" in done.err
    assert "delete from roll: deleted · price" in done.err
    assert "deploy to" not in done.err
    assert state_of(project) == "deleted"
    assert "nothing to delete" in project("delete").err


def test_a_delete_that_is_not_done_in_time_is_unknown_and_keeps_the_release(project: Shell) -> None:
    project("deploy")
    done = project("delete", "--timeout", "5", code=7, DELETE_PAUSE="600")
    assert "the delete of price on 'roll' is not done: stopping" in done.err
    assert state_of(project) == "up"
    project("delete")


def test_a_delete_that_fails_names_the_reason_and_keeps_the_release(project: Shell) -> None:
    project("deploy")
    done = project("delete", code=6, DELETE_FAULT="stuck")
    assert "price on 'roll' could not be deleted: the server does not stop\n  server: still running\n" in done.err
    assert state_of(project) == "up"
    assert project("score", "-d", "1").out.strip() == "[7.0]"
    project("delete")
