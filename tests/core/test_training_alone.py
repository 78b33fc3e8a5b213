"""One training of a manifest at a time. A run whose process died is ended."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import wait_for
from tests.waiting import LIMIT

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
package: {plugin: constant, samples: [{request: 1, response: [7]}]}
connections: {hosting: {region: north}}
target: roll
targets: {roll: {}}
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
    """A training that waits until `gate/open` exists. The folder is not an input."""
    shell.write("lading.yaml", SLOW.replace("data: gate", "data: gate/data.txt"))
    shell.write("gate/data.txt", "1")
    shell.write("train.py", SCRIPT.replace("pathlib.Path(data,", "pathlib.Path(data).with_name("))
    return shell


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("lading.yaml", MANIFEST)
    shell.write("cost.txt", "7")
    return shell


def line_with(text: str, process: subprocess.Popen[str]) -> str:
    """The next line of stderr that holds a text."""
    assert process.stderr is not None
    return next(line for line in process.stderr if text in line)


def states(shell: Shell) -> list[str]:
    return [run["state"] for run in shell("run", "list", "--json").json()]


@pytest.mark.slow
def test_the_second_of_two_trainings_waits_and_reuses_the_result(slow: Shell) -> None:
    first = slow.start("train")
    wait_for((slow.folder / "gate" / "entered").exists)
    second = slow.start("train")
    assert f"locked by 'lading train lading.yaml' (pid {first.pid}," in line_with("waiting", second)
    slow.write("gate/open", "")
    assert first.communicate(timeout=LIMIT)[0] == second.communicate(timeout=LIMIT)[0]
    assert (first.returncode, second.returncode) == (0, 0)
    assert states(slow) == ["finished"]


@pytest.mark.slow
def test_a_command_whose_wait_times_out_names_the_other_command(slow: Shell) -> None:
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
    log = Path(shell.env["HOOK_LOG"])
    calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [facts["state"] for hook, facts in calls if hook == "lading_track"]


def killed_in_training(shell: Shell) -> None:
    command = shell.start("deploy", HOOK_FAULT="lading_train:hangs")
    wait_for(lambda: "lading_train" in Path(shell.env["HOOK_LOG"]).read_text() if tracked(shell) else False)
    command.kill()
    command.communicate(timeout=LIMIT)
    assert states(shell) == ["running"]
    assert tracked(shell) == ["running"]


def test_a_run_whose_process_died_is_ended_in_its_tracker_too(project: Shell) -> None:
    killed_in_training(project)
    project("deploy")
    assert states(project) == ["finished", "failed"]
    assert sorted(tracked(project)) == ["failed", "finished", "running", "running"]
    dead = project("run", "list", "--json").json()[1]
    assert dead["error"] == "interrupted: its process died"
    project("deploy")
    assert len(tracked(project)) == 4


@pytest.mark.slow
def test_repair_ends_it_and_the_next_command_with_the_tracker_logs_it(project: Shell) -> None:
    killed_in_training(project)
    project("repair", "--yes")
    assert states(project) == ["failed"]
    assert tracked(project) == ["running"]
    project("deploy")
    assert sorted(tracked(project)) == ["failed", "finished", "running", "running"]
