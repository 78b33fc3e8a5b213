"""Commands that are interrupted, and those that find the service held by another."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import wait_for
from tests.waiting import LIMIT


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_says_what_is_done_and_the_same_command_resumes(
    harbour: Shell, number: signal.Signals, code: int
) -> None:
    command = harbour.start("deploy", HARBOUR_FAULT="lading_deploy:hangs")
    log = Path(harbour.env["HARBOUR_LOG"])
    wait_for(lambda: log.exists() and "lading_deploy" in log.read_text())
    command.send_signal(number)
    time.sleep(0.2)
    command.send_signal(number)  # the hook does not react: the second one ends it at once
    _out, err = command.communicate(timeout=LIMIT)
    assert command.returncode == code
    assert "interrupted; done: train, register, package; not done: deploy\n" in err
    assert "to go on, run the same command again: lading deploy\n" in err
    done = harbour("deploy")
    assert "resuming · release 1" in done.err
    assert harbour("score", "-d", "1").out.strip() == "[7.0]"


@pytest.mark.parametrize(
    ("hook", "done", "left"),
    [
        ("train", "nothing", "train, register, package, deploy"),
        ("package", "train, register", "package, deploy"),
        pytest.param("connect", "nothing", "train, register, package, deploy", marks=pytest.mark.slow),
        pytest.param("track", "nothing", "train, register, package, deploy", marks=pytest.mark.slow),
        pytest.param("register", "train, register, package", "deploy", marks=pytest.mark.slow),
        pytest.param("gate", "nothing", "train, register, package, deploy", marks=pytest.mark.slow),
        pytest.param("scoring_uri", "train, register, package, deploy to quay", "nothing", marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_in_any_stage_says_what_is_left_and_the_same_command_ends_it(
    harbour: Shell, hook: str, done: str, left: str
) -> None:
    command = harbour.start("deploy", HARBOUR_FAULT=f"lading_{hook}:hangs")
    log = Path(harbour.env["HARBOUR_LOG"])
    wait_for(lambda: log.exists() and f"lading_{hook}" in log.read_text())
    for _ in range(2):
        command.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    out, err = command.communicate(timeout=LIMIT)
    assert (command.returncode, out) == (143, "")
    assert f"interrupted; done: {done}; not done: {left}\n" in err
    assert {run["state"] for run in harbour("run", "list", "--json").json()} <= {"finished", "failed"}
    harbour("deploy")
    assert harbour("score", "-d", "1").out.strip() == "[7.0]"
    assert harbour("repair").err.startswith("nothing is wrong")


def test_an_interrupt_counts_each_target_as_a_stage(harbour: Shell) -> None:
    targets = ("--target", "raft", "--target", "quay")
    command = harbour.start("deploy", *targets, HARBOUR_FAULT="lading_deploy@quay:hangs")
    log = Path(harbour.env["HARBOUR_LOG"])
    wait_for(
        lambda: (
            log.exists() and any("lading_deploy" in line and "quay" in line for line in log.read_text().splitlines())
        )
    )
    for _ in range(2):
        command.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    _out, err = command.communicate(timeout=LIMIT)
    assert "done: train, register, package, deploy to raft; not done: deploy to quay\n" in err
    assert "lading deploy --target raft --target quay\n" in err


def test_the_second_of_two_is_told_who_is_first_or_waits_and_takes_over(harbour: Shell) -> None:
    first = harbour.start("deploy", HARBOUR_FAULT="lading_deploy:hangs")
    log = Path(harbour.env["HARBOUR_LOG"])
    wait_for(lambda: log.exists() and "lading_deploy" in log.read_text())
    for second in ("deploy", "delete"):
        done = harbour(second, code=4)
        assert f"'quay/ferry' is locked by 'lading deploy lading.yaml' (pid {first.pid}, since 20" in done.err
        assert "--lock-wait" in done.err
    waiting = harbour.start("deploy", "--lock-wait", "1m")
    time.sleep(1)
    assert waiting.poll() is None
    first.kill()
    first.communicate()
    _out, err = waiting.communicate(timeout=LIMIT)
    assert waiting.returncode == 0
    assert f"taking over · 'lading deploy lading.yaml' (pid {first.pid}, since 20" in err
    assert "resuming · release 1" in err


def test_a_lock_says_which_command_holds_it(harbour: Shell) -> None:
    harbour("deploy")
    first = harbour.start("delete", HARBOUR_FAULT="lading_delete:hangs")
    log = Path(harbour.env["HARBOUR_LOG"])
    wait_for(lambda: "lading_delete" in log.read_text())
    assert "is locked by 'lading delete lading.yaml' (pid" in harbour("deploy", "--force", code=4).err
    first.kill()
    first.communicate()
