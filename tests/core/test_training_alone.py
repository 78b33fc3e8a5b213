"""One training of a manifest at a time; a run whose process died does not run for ever."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import wait_for
from tests.waiting import LIMIT

FERRY = """\
version: 1
name: ferry
train: {plugin: crane, data: tons.txt}
package: {plugin: crane, samples: [{request: 1, response: [7]}]}
connections: {harbour: {berth: north}}
target: quay
targets: {quay: {}}
"""
SLOW = """\
version: 1
name: slow
train: {script: train.py, data: gate}
"""
SCRIPT = """\
import pathlib, time
from sklearn.dummy import DummyRegressor

def train(data, log):
    pathlib.Path(data, "entered").touch()
    while not pathlib.Path(data, "open").exists():
        time.sleep(0.05)
    return DummyRegressor().fit([[0]], [1])
"""


@pytest.fixture
def slow(shell: Shell) -> Shell:
    """A training that goes on once `gate/open` is there; the folder is no input that changes with it."""
    shell.write("lading.yaml", SLOW.replace("data: gate", "data: gate/data.txt"))
    shell.write("gate/data.txt", "1")
    shell.write("train.py", SCRIPT.replace("pathlib.Path(data,", "pathlib.Path(data).with_name("))
    return shell


@pytest.fixture
def ferry(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("harbour")), "HARBOUR_PASSWORD": "c4n4ry"}
    shell.env["HARBOUR_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", FERRY)
    shell.write("tons.txt", "7")
    return shell


def line_with(text: str, process: subprocess.Popen[str]) -> str:
    """The next line of stderr that holds a text."""
    assert process.stderr is not None
    return next(line for line in process.stderr if text in line)


def states(shell: Shell) -> list[str]:
    return [run["state"] for run in shell("run", "list", "--json").json()]


def test_the_second_of_two_trainings_waits_and_takes_the_result(slow: Shell) -> None:
    first = slow.start("train")
    wait_for((slow.folder / "gate" / "entered").exists)
    second = slow.start("train")
    assert f"locked by 'lading train lading.yaml' (pid {first.pid}," in line_with("waiting", second)
    slow.write("gate/open", "")
    assert first.communicate(timeout=LIMIT)[0] == second.communicate(timeout=LIMIT)[0]
    assert (first.returncode, second.returncode) == (0, 0)
    assert states(slow) == ["finished"]


@pytest.mark.slow
def test_who_waits_no_longer_than_its_time_names_the_other(slow: Shell) -> None:
    first = slow.start("train")
    wait_for((slow.folder / "gate" / "entered").exists)
    assert f"(pid {first.pid}," in slow("train", "--timeout", "0.2", code=4).err
    slow.write("gate/open", "")
    first.communicate(timeout=LIMIT)
    assert states(slow) == ["finished"]


@pytest.mark.slow
def test_a_waiting_command_can_be_interrupted(slow: Shell) -> None:
    first = slow.start("train")
    wait_for((slow.folder / "gate" / "entered").exists)
    second = slow.start("train")
    line_with("waiting", second)
    second.terminate()
    second.communicate(timeout=LIMIT)
    assert second.returncode == 143
    slow.write("gate/open", "")
    first.communicate(timeout=LIMIT)
    assert first.returncode == 0


def tracked(shell: Shell) -> list[str]:
    log = Path(shell.env["HARBOUR_LOG"])
    calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [facts["state"] for hook, facts in calls if hook == "lading_track"]


def killed_in_training(shell: Shell) -> None:
    command = shell.start("deploy", HARBOUR_FAULT="lading_train:hangs")
    wait_for(lambda: "lading_train" in Path(shell.env["HARBOUR_LOG"]).read_text() if tracked(shell) else False)
    command.kill()
    command.communicate(timeout=LIMIT)
    assert states(shell) == ["running"]
    assert tracked(shell) == ["running"]


def test_a_run_whose_process_died_is_ended_where_it_was_tracked_too(ferry: Shell) -> None:
    killed_in_training(ferry)
    ferry("deploy")
    assert states(ferry) == ["finished", "failed"]
    assert sorted(tracked(ferry)) == ["failed", "finished", "running", "running"]
    dead = ferry("run", "list", "--json").json()[1]
    assert dead["error"] == "interrupted: its process died"
    ferry("deploy")
    assert len(tracked(ferry)) == 4


@pytest.mark.slow
def test_repair_ends_it_and_the_next_command_with_the_tracker_tells_it(ferry: Shell) -> None:
    killed_in_training(ferry)
    ferry("repair", "--yes")
    assert states(ferry) == ["failed"]
    assert tracked(ferry) == ["running"]
    ferry("deploy")
    assert sorted(tracked(ferry)) == ["failed", "finished", "running", "running"]
