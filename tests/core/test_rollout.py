"""Rollouts: a canary takes over the requests step by step, or is aborted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest
from tests.conftest import Shell
from tests.core.conftest import MANIFEST, wait_for
from tests.waiting import LIMIT

from lading import Transient
from lading.engine.release import rollout
from lading.store import Store
from lading.store.facts import Facts

FINE = {"requests": 100}


@pytest.fixture
def routed(project: Shell) -> Iterator[Shell]:
    """A project with release 1 up on `router`. The manifest asks for a model that answers 8."""
    roll_out(project, "steps: [25, 50, 100], pause: 0")
    project("deploy")
    project.write("cost.txt", "8")
    roll_out(project, "steps: [25, 50, 100], pause: 0", answer=8)
    yield project
    project("delete", code=None)


def roll_out(project: Shell, rollout: str, *, answer: int = 7, target: str = "router") -> None:
    block = f"  router: {{}}\n  {target}: {{rollout: {{{rollout}}}}}\n" if target != "router" else ""
    manifest = MANIFEST.replace("target: roll", f"target: {target}").replace("[7]", f"[{answer}]")
    block = block or f"  router: {{rollout: {{{rollout}}}}}\n"
    project.write("lading.yaml", manifest.replace("  roll: {}\n  stop: {}\n", block))


def figures(project: Shell, canary: dict[str, int], stable: dict[str, int] | None = None, **faults: int) -> None:
    """Let each look find these requests of release 2, and of release 1, and the router have these faults."""
    project.write("figures.json", json.dumps({"1": stable or FINE, "2": canary, **faults}))


def states(project: Shell) -> list[str]:
    return [f"{row['number']} {row['state']}" for row in project("history", "--json").json()]


def test_a_rollout_shifts_step_by_step_and_promotes(routed: Shell) -> None:
    figures(routed, FINE)
    assert "in steps of the requests: 25 %, 50 %, 100 %" in routed("plan").out
    said = routed("deploy").err
    assert re.findall(r"shifting · release 2 gets (\d+) %", said) == ["25", "50"]
    assert "25 % of the requests · 100 requests, 0 % errors, p99 4.95 ms · the step is over" in said
    assert "release 2 gets all requests, and release 1 is removed" in said
    assert states(routed) == ["2 up", "1 superseded"]
    assert "unchanged" in routed("deploy").err


@pytest.mark.parametrize(
    ("limit", "found", "reason"),
    [
        ("max_error_rate: 0.01", {"requests": 100, "errors": 8}, r"8 % of its 100 requests failed \(0 % of the stable"),
        ("max_error_rate: 0.01", {"requests": 20, "errors": 20}, r"100 % of its 20 requests failed \(0 % of"),
        (
            "max_latency_ratio: 1.5",
            {"requests": 100, "slow": 50},
            r"its p99 is [0-9.]+ ms in 100 requests, [0-9.]+ times that of the stable release \(4.95 ms\), more than",
        ),
        (
            "max_error_rate: 0.01",
            {"requests": 0, "restarts": 3},
            r"3 more workers of it than of the stable release ended",
        ),
        (
            "max_error_rate: 0.01",
            {"requests": 100, "refused": 60},
            r"60 % of its 100 requests were refused with a status of 4xx, 0 % of the stable release's",
        ),
        ("max_difference: 0.02", FINE, r"its answers to 1 golden requests differ by up to 12.5 %, more than max_diff"),
    ],
)
def test_a_breach_aborts_and_names_the_figures(routed: Shell, limit: str, found: dict[str, int], reason: str) -> None:
    roll_out(routed, f"steps: [25, 100], pause: 0, {limit}", answer=8)
    figures(routed, found)
    said = routed("deploy", code=8).err
    assert re.search(f"the rollout of release 2 of price on 'router' is aborted: {reason}", said)
    assert "release 1 serves all requests" in said
    assert states(routed) == ["2 aborted", "1 up"]
    assert routed("traffic", "--json").json()["canary"] is None


def test_too_few_requests_are_said_and_are_not_a_breach(routed: Shell) -> None:
    roll_out(routed, "steps: [25, 100], pause: 0, max_error_rate: 0.01, max_latency_ratio: 1.5", answer=8)
    figures(routed, {"requests": 20, "errors": 4, "slow": 20})
    said = routed("deploy").err
    assert "20 requests, 20 % errors, p99 990 ms, too few to judge, below 50" in said
    assert (
        "the step of 25 % of the requests was not fully judged by max_error_rate, max_latency_ratio: "
        "the canary had 20 requests, below 50"
    ) in said
    assert states(routed) == ["2 up", "1 superseded"]


def test_a_judged_step_has_no_warning(routed: Shell) -> None:
    roll_out(routed, "steps: [25, 100], pause: 0, max_error_rate: 0.01", answer=8)
    figures(routed, FINE)
    assert "judged" not in routed("deploy").err


JUMP = """
import time

day = time.time
time.time = lambda: day() + 3600 * next(hours)
hours = iter(range(10**6))
"""


def test_a_clock_that_is_set_does_not_end_a_step(routed: Shell, pausing: subprocess.Popen[str]) -> None:
    """The time of day jumps by an hour whenever it is read."""
    pausing.kill()
    pausing.wait()
    routed.write("jump/sitecustomize.py", JUMP)
    routed.env["PYTHONPATH"] = f"{routed.folder / 'jump'}{os.pathsep}{routed.env['PYTHONPATH']}"
    with routed.start("deploy") as process:
        said_to = process.stderr
        assert said_to is not None
        wait_for(lambda: re.search(r" · (9 min|10 min) \d+ s left", said_to.readline()) is not None)
        process.kill()


def test_a_continued_step_lasts_only_its_rest(routed: Shell) -> None:
    figures(routed, FINE)
    roll_out(routed, "steps: [25, 100], pause: 600", answer=8)
    with routed.start("deploy") as process:
        said_to = process.stderr
        assert said_to is not None
        wait_for(lambda: "left" in said_to.readline())
        process.kill()
    set_elapsed(routed, 599.9)
    routed("deploy")
    assert states(routed) == ["2 up", "1 superseded"]


def set_elapsed(project: Shell, seconds: float) -> None:
    """Change the recorded seconds of the step that runs."""
    with closing(Store.open(project.folder / ".lading")) as store:
        facts = Facts(store.reuse, "price", "router")
        text = facts.get("rollout")
        assert text
        facts.put("rollout", json.dumps({**json.loads(text), "elapsed": seconds}))


def test_workers_that_end_in_both_releases_are_not_the_fault_of_the_canary(routed: Shell) -> None:
    figures(routed, {**FINE, "restarts": 5}, {**FINE, "restarts": 3})
    routed("deploy")
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_rollout_continues_at_its_step(routed: Shell, ending: signal.Signals) -> None:
    figures(routed, FINE)
    roll_out(routed, "steps: [25, 50, 100], pause: 600", answer=8)
    with routed.start("deploy") as process:
        said_to = process.stderr
        assert said_to is not None
        wait_for(lambda: "left" in said_to.readline())
        process.send_signal(ending)
    assert routed("traffic", "--json").json()["canary"] == {"release": 2, "weight": 25}
    assert states(routed) == ["2 canary", "1 up"]
    roll_out(routed, "steps: [25, 50, 100], pause: 0", answer=8)
    said = routed("deploy").err
    assert re.findall(r"shifting · release 2 gets (\d+) %", said) == ["25", "50"]
    assert re.search(r"25 % of the requests · [2-9]00 requests", said)  # since the step began, before the interrupt
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.parametrize(("fault", "copies"), [("", 25), ("no-shadow", 0)])
def test_a_rollout_sends_copies_if_the_target_can(routed: Shell, fault: str, copies: int) -> None:
    figures(routed, FINE)
    routed.env["SHIFT_FAULT"] = fault
    roll_out(routed, "steps: [25, 100], pause: 600, max_difference: 0.5", answer=8)
    with routed.start("deploy") as process:
        said_to = process.stderr
        assert said_to is not None
        wait_for(lambda: "left" in said_to.readline())
        assert routed("traffic", "--json").json()["shadow"] == copies
        process.kill()


@pytest.fixture
def pausing(routed: Shell) -> Iterator[subprocess.Popen[str]]:
    """A rollout in the pause after its first step, at 25 %."""
    figures(routed, FINE)
    roll_out(routed, "steps: [25, 50, 100], pause: 600", answer=8)
    with routed.start("deploy") as process:
        said_to = process.stderr
        assert said_to is not None
        wait_for(lambda: "left" in said_to.readline())
        yield process
        process.kill()


def ending(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and the further messages of a command."""
    _, said = process.communicate(timeout=LIMIT)
    return process.returncode, said


@pytest.mark.slow
def test_a_canary_can_be_promoted_during_a_pause(routed: Shell, pausing: subprocess.Popen[str]) -> None:
    assert "is locked by 'lading deploy" in routed("deploy", code=4).err
    routed("promote")
    code, said = ending(pausing)
    assert (code, "another command has promoted release 2" in said) == (0, True)
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.slow
def test_a_canary_can_be_aborted_during_a_pause(routed: Shell, pausing: subprocess.Popen[str]) -> None:
    routed("abort")
    code, said = ending(pausing)
    assert code == 8
    assert "the rollout of release 2 of price on 'router' ended: another command made the release aborted" in said
    assert states(routed) == ["2 aborted", "1 up"]


@pytest.mark.parametrize(("is_up", "looks"), [(True, 6), (False, 1)])
def test_only_a_canary_that_is_up_is_looked_for_again(monkeypatch: pytest.MonkeyPatch, is_up: bool, looks: int) -> None:
    canary = Mock()
    monkeypatch.setattr(rollout, "canary_of", lambda _service: canary if is_up else None)
    monkeypatch.setattr(rollout, "_PAUSES", (0.0,) * 6)
    run = rollout._Run(Mock(), Mock(), Mock(), canary)
    look = Mock(side_effect=Transient("the target is busy"))
    assert run.tried(look, "it cannot be found") == "it cannot be found: the target is busy"
    assert look.call_count == looks


@pytest.mark.slow
def test_a_rollout_stops_if_another_command_shifts_during_a_pause(routed: Shell) -> None:
    figures(routed, FINE)
    roll_out(routed, "steps: [25, 50, 100], pause: 5", answer=8)
    with routed.start("deploy") as process:
        said_to = process.stderr
        assert said_to is not None
        wait_for(lambda: "left" in said_to.readline())
        routed("traffic", "--weight", "40")
        code, said = ending(process)
    assert code == 3
    assert "it gave the release 25 % of the requests, and another command gave it 40 % of the requests" in said
    assert routed("traffic", "--json").json()["canary"] == {"release": 2, "weight": 40}
    roll_out(routed, "steps: [25, 50, 100], pause: 0", answer=8)
    assert re.findall(r"shifting · release 2 gets (\d+) %", routed("deploy").err) == ["50"]


@pytest.mark.slow
def test_a_look_that_fails_is_repeated(routed: Shell) -> None:
    (routed.folder / "figures.json").write_text('{"silent": 2}')
    roll_out(routed, "steps: [25, 100], pause: 0", answer=8)
    said = routed("deploy").err
    assert "its figures cannot be read: the router is busy" in said
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.slow
def test_figures_that_cannot_be_read_once_are_read_again(routed: Shell) -> None:
    figures(routed, FINE, broken=2)
    roll_out(routed, "steps: [25, 100], pause: 0", answer=8)
    assert "its figures cannot be read: a server of the router has just ended" in routed("deploy").err
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.parametrize("hook", ["lading_shift", "lading_metrics"])
def test_expired_credentials_are_not_the_fault_of_the_canary(routed: Shell, hook: str) -> None:
    roll_out(routed, "steps: [25, 100], pause: 0", answer=8)
    said = routed("deploy", code=7, HOOK_FAULT=f"{hook}:expires").err
    assert "the session has expired" in said
    assert "sign in to the platform again; then run the same command again" in said
    assert states(routed) == ["2 canary", "1 up"]
    routed("deploy")
    assert states(routed) == ["2 up", "1 superseded"]


def test_refusals_that_both_releases_have_are_not_the_fault_of_the_canary(routed: Shell) -> None:
    figures(routed, {"requests": 100, "refused": 40}, {"requests": 100, "refused": 30})
    roll_out(routed, "steps: [25, 100], pause: 0, max_error_rate: 0.01", answer=8)
    assert "100 requests, 0 % errors, 40 % refused" in routed("deploy").err
    assert states(routed) == ["2 up", "1 superseded"]


def test_a_canary_that_is_not_ready_is_aborted(routed: Shell) -> None:
    figures(routed, FINE, unready=1)
    roll_out(routed, "steps: [25, 100], pause: 0", answer=8)
    said = routed("deploy", code=8).err
    assert "is aborted: none of its replicas is ready, of 1" in said
    assert "release 1 serves all requests" in said
    assert states(routed) == ["2 aborted", "1 up"]


@pytest.mark.parametrize("stuck", [50, 100])
def test_a_canary_whose_share_cannot_be_changed_is_aborted(routed: Shell, stuck: int) -> None:
    figures(routed, FINE, stuck=stuck)
    said = routed("deploy", code=8).err
    assert "is aborted: its share cannot be changed" in said
    assert "this share has no room" in said
    assert states(routed) == ["2 aborted", "1 up"]
    assert routed("traffic", "--json").json()["canary"] is None


def test_a_rollout_without_a_variable_is_continued_by_the_same_command(routed: Shell) -> None:
    figures(routed, FINE, unset=50)
    assert "release 1 cannot be started again without FLAG" in routed("deploy", code=2).err
    assert states(routed) == ["2 canary", "1 up"]
    figures(routed, FINE)
    routed("deploy")
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.slow
def test_an_abort_is_tried_again_while_the_target_is_busy(routed: Shell) -> None:
    figures(routed, {"requests": 100, "errors": 50}, busy=2)
    roll_out(routed, "steps: [25, 100], pause: 0, max_error_rate: 0.01", answer=8)
    said = routed("deploy", code=8).err
    assert "it cannot be aborted yet: the router has just restarted" in said
    assert states(routed) == ["2 aborted", "1 up"]


def test_an_abort_that_was_interrupted_continues_with_its_reason(routed: Shell) -> None:
    figures(routed, {"requests": 100, "errors": 50}, busy=1000)
    roll_out(routed, "steps: [25, 100], pause: 0, max_error_rate: 0.01", answer=8)
    with routed.start("deploy") as process:
        said_to = process.stderr
        assert said_to is not None
        wait_for(lambda: "cannot be aborted yet" in said_to.readline())
        process.kill()
    figures(routed, FINE)
    assert "is aborted: 50 % of its 100 requests failed" in routed("deploy", code=8).err
    assert states(routed) == ["2 aborted", "1 up"]


@pytest.mark.slow
def test_a_canary_that_the_target_has_lost_is_aborted(routed: Shell, pausing: subprocess.Popen[str]) -> None:
    pausing.kill()
    pausing.wait()
    work = next(routed.folder.rglob("routes"))
    work.write_text(json.dumps(json.loads(work.read_text())[:1]))
    assert "is aborted: it does not serve any more" in routed("deploy", code=8).err
    assert states(routed) == ["2 aborted", "1 up"]


@pytest.mark.slow
def test_the_outcome_of_a_late_shift_is_unknown(routed: Shell) -> None:
    routed("deploy", "--canary", "10")
    late = {"LADING_HOOK_TIMEOUT": "1", "HOOK_FAULT": "lading_shift:hangs"}
    assert "did not end lading_shift in time" in routed("traffic", "--weight", "20", code=7, **late).err
    routed("traffic", "--weight", "20")


@pytest.mark.slow
def test_a_canary_without_figures_is_aborted(routed: Shell) -> None:
    (routed.folder / "figures.json").write_text('{"silent": 1000}')
    roll_out(routed, "steps: [25, 100], pause: 0", answer=8)
    assert "is aborted: its figures cannot be read: the router is busy" in routed("deploy", code=8).err
    assert states(routed) == ["2 aborted", "1 up"]


def test_a_process_that_continues_a_rollout_deploys_no_other_release(routed: Shell) -> None:
    roll_out(routed, "steps: [25, 100], pause: 0", answer=8)
    assert "another command has ended its canary" in routed("deploy", "--rollout-of", "gone", code=8).err
    assert states(routed) == ["1 up"]


@pytest.mark.slow
def test_a_detached_rollout_outlives_its_command_and_can_be_taken_over(routed: Shell) -> None:
    figures(routed, FINE)
    roll_out(routed, "steps: [25, 50, 100], pause: 600", answer=8)
    begun = routed("deploy", "--detach")
    assert "release 2 gets 25 % of the requests; the rollout is in step 1 of 3, since" in begun.err
    found = routed("traffic", "--json").json()
    assert found["canary"] == {"release": 2, "weight": 25}
    rollout = found["rollout"]
    assert (rollout["step"], rollout["steps"], rollout["detached"]) == (1, 3, True)
    wait_for(lambda: "25 % of the requests" in Path(rollout["log"]).read_text())
    shown = f"the rollout is in step 1 of 3, since {rollout['since']} (pid {rollout['pid']}), detached"
    assert shown in routed("traffic").err
    assert shown in routed("status").out
    assert "is locked by 'lading deploy" in routed("deploy", "--detach", code=4).err
    os.kill(rollout["pid"], signal.SIGKILL)
    wait_for(lambda: "the rollout stopped in step 1 of 3: `lading deploy` continues it" in routed("traffic").err)
    roll_out(routed, "steps: [25, 50, 100], pause: 0", answer=8)
    routed("deploy")
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.slow
def test_a_detached_rollout_ends_after_an_abort(routed: Shell) -> None:
    figures(routed, FINE)
    roll_out(routed, "steps: [25, 100], pause: 600", answer=8)
    rollout = routed("deploy", "--detach", "--json").json()["deployments"][0]["traffic"]["rollout"]
    routed("abort")
    wait_for(lambda: "another command made the release aborted" in Path(rollout["log"]).read_text())
    assert states(routed) == ["2 aborted", "1 up"]
    assert "was aborted" not in routed("status").out


def test_a_detached_rollout_that_exceeds_a_limit_shows_its_figures(routed: Shell) -> None:
    roll_out(routed, "steps: [25, 100], pause: 600, max_error_rate: 0.01", answer=8)
    rollout = routed("deploy", "--detach", "--json").json()["deployments"][0]["traffic"]["rollout"]
    figures(routed, {"requests": 100, "errors": 8})
    wait_for(lambda: "is aborted: 8 % of its" in Path(rollout["log"]).read_text())
    wait_for(lambda: states(routed) == ["2 aborted", "1 up"])
    assert "release 2 was aborted: 8 % of its" in routed("status").out
    assert "8 % of its" in routed("history", "--json").json()[0]["reason"]


def test_without_a_rollout_a_deploy_cannot_be_detached(project: Shell) -> None:
    assert "--detach cannot be combined with --canary" in project("deploy", "--detach", "--canary", "5", code=2).err
    refused = project("deploy", "--detach", code=2).err
    assert "lading.yaml:13:3: targets.roll: the block has no rollout, and --detach needs one" in refused


def test_a_rollout_continues_above_the_weight_that_a_command_gave(routed: Shell) -> None:
    routed("deploy", "--canary", "40")
    figures(routed, FINE)
    assert re.findall(r"shifting · release 2 gets (\d+) %", routed("deploy").err) == ["50"]
    assert states(routed) == ["2 up", "1 superseded"]


@pytest.mark.parametrize(
    ("rollout", "message"),
    [
        ("steps: [5, 25]", "13:22: targets.router.rollout.steps: the last step must be 100"),
        ("steps: [25, 5, 100]", "13:22: targets.router.rollout.steps: each step must be higher than the one before"),
        ("pause: ten", "13:29: targets.router.rollout.pause"),
        ("max_error_rate: 2", "13:38: targets.router.rollout.max_error_rate"),
        ("stages: [100]", "13:22: targets.router.rollout.stages"),
    ],
)
def test_a_wrong_rollout_is_reported_at_its_line(project: Shell, rollout: str, message: str) -> None:
    roll_out(project, rollout)
    assert f"lading.yaml:{message}" in project("check", code=2).err


@pytest.mark.parametrize("command", ["check", "plan", "deploy"])
def test_a_rollout_needs_a_target_with_traffic(project: Shell, command: str) -> None:
    roll_out(project, "steps: [100]", target="roll")
    refused = project(command, code=2).err
    assert "lading.yaml:14:10: targets.roll.rollout: the target cannot serve two releases at once" in refused
    assert not Path(project.env["HOOK_LOG"]).exists()
