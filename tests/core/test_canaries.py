"""Canaries are the values of every variable of a manifest. No written file and no output may contain them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.conftest import wait_for
from tests.waiting import LIMIT
from tests.watching import command_lines

from lading.cli.commands import COMMANDS

CANARY = "c4n4ry"
NAMES = ("PARAM", "TRAIN_ENV", "DESCRIPTION", "TAG", "TOKEN", "PASSWORD", "TARGET")
MANIFEST = """\
version: 1
name: canary
train:
  data: sal.csv
  script: train.py
  params: {token: "${CANARY_PARAM}"}
  env: [CANARY_TRAIN_ENV]
register:
  model: canary
  description: "for ${CANARY_DESCRIPTION}"
  tags: {key: "${CANARY_TAG}"}
  to: [vault]
package:
  scoring_script: score.py
  environment: {conda: [scikit-learn]}
  samples: [{request: 1, response: [1]}]
image: {plugin: leaker, token: "${CANARY_TOKEN}", password: CANARY_PASSWORD}
connections:
  vault: {plugin: leaker, token: "${CANARY_TOKEN}", password: CANARY_PASSWORD}
track: [vault]
targets:
  local: {env: {TOKEN: "${CANARY_TARGET}"}}
"""
TRAIN = """\
import os, sys, time
from sklearn.dummy import DummyRegressor

def train(data, log, token):
    print(dict(os.environ), token, flush=True)
    print(token, file=sys.stderr, flush=True)
    log("token", f"it is {token}")
    FAULT
    return DummyRegressor().fit([[0]], [1])
"""
SCORE = """\
import os, sys

def init():
    print(dict(os.environ), flush=True)
    sys.stderr.write(os.environ["TOKEN"])  # without a line feed
    INIT

def run(raw_data):
    print(os.environ["TOKEN"], flush=True)
    return ANSWER
"""

# A command line for each command. A new command without one fails a test.
CASES: dict[str, list[str]] = {
    "check": ["check"],
    "schema": ["schema"],
    "plugin": ["plugin", "show", "leaker"],
    "target": ["target", "show", "local"],
    "completion": ["completion", "bash"],
    "init": ["init", "starter"],
    "train": ["train"],
    "evaluate": ["evaluate"],
    "register": ["register"],
    "package": ["package", "export", "canary.tar"],
    "image": ["image", "build"],
    "plan": ["plan", "--out", "plan.json"],
    "deploy": ["deploy", "--force"],
    "uri": ["uri"],
    "score": ["score", "-d", "1"],
    "forward": ["forward"],
    "status": ["status"],
    "list": ["list"],
    "preflight": ["preflight"],
    "logs": ["logs"],
    "keys": ["keys"],
    "history": ["history"],
    "diff": ["diff", "1", "2"],
    "why": ["why", "1"],
    "report": ["report", "-o", "report.html"],
    "run": ["run", "list"],
    "model": ["model", "show", "canary:1"],
    "traffic": ["traffic"],
    "compare": ["compare"],
    "promote": ["promote"],
    "abort": ["abort"],
    "eject": ["eject", "ejected"],
    "rollback": ["rollback", "1"],
    "gc": ["gc", "--keep", "0", "--yes"],
    "repair": ["repair", "--yes"],
    "store": ["store", "trust", "--yes"],
    "delete": ["delete"],
}
NEED_A_CANARY = {"compare", "promote", "abort"}  # a release beside the stable one
UNABLE = {"eject"}  # the target `local` cannot do it
ENDLESS = {"forward"}  # it ends with an interrupt, after its first output
AS_JSON = set(COMMANDS) - {"logs", "schema", "completion", "init", "report"}


@dataclass
class Cage:
    """A project whose variables are canaries, with all output and observations of its processes."""

    shell: Shell
    shown: str = ""

    def run(self, *argv: str, code: int | None = 0, **env: str) -> str:
        """Run a command with `-v`, which can show tracebacks."""
        process = self.shell.start(*argv, "-v", **env)
        shown = ""
        if argv[0] in ENDLESS:
            assert process.stdout is not None
            shown = process.stdout.readline()
            process.send_signal(signal.SIGINT)
        shown += "".join(process.communicate(timeout=LIMIT))
        assert code in (None, process.returncode), shown
        self.shown += shown
        return shown

    def hits(self) -> list[str]:
        """The places of canaries: on a stream, or in any file of the project, including the store and archives."""
        files = (path for path in self.shell.folder.rglob("*") if path.is_file() and not path.is_symlink())
        found = [str(path) for path in files if CANARY.encode() in path.read_bytes()]
        return found + [line for line in self.shown.splitlines() if CANARY in line]


@pytest.fixture
def cage(shell: Shell, install: Callable[[str], Path], tmp_path: Path) -> Cage:
    shell.env |= {f"CANARY_{name}": f"{CANARY}-{name.lower()}-{os.urandom(6).hex()}" for name in NAMES}
    shell.env |= {"PYTHONPATH": str(install("leaker")), "LEAKER_LOG": str(tmp_path / "told")}
    shell.write("lading.yaml", MANIFEST)
    shell.write("sal.csv", "x,y\n1,2\n")
    write(shell)
    return Cage(shell)


def write(shell: Shell, *, train: str = "pass", init: str = "pass", answer: str = "[1]") -> None:
    shell.write("train.py", TRAIN.replace("FAULT", train))
    shell.write("score.py", SCORE.replace("INIT", init).replace("ANSWER", answer))


def test_every_command_has_a_case() -> None:
    assert set(CASES) == set(COMMANDS)


@pytest.mark.slow
def test_no_command_shows_or_keeps_a_secret(cage: Cage, tmp_path: Path) -> None:
    with command_lines(0.005) as seen:
        for name, argv in CASES.items():
            more = [*(["--json"] if name in AS_JSON else []), *(["--force"] if name == "train" else [])]
            code = 2 if name in NEED_A_CANARY | UNABLE else 130 if name in ENDLESS else 0
            cage.run(*argv, *more, code=code)
            assert cage.hits() == [], name
            if name == "plan":
                cage.run("deploy")  # without --json
    assert [line for line in seen if CANARY in line] == []
    told = (tmp_path / "told").read_text()
    assert cage.shell.env["CANARY_TAG"] in told  # only the registry has the values
    assert f"for {cage.shell.env['CANARY_DESCRIPTION']}" in told


FAULTS: dict[str, dict[str, str]] = {
    "a training that fails": {"train": "raise ValueError(token, os.environ['CANARY_TRAIN_ENV'])"},
    "a training that ends": {"train": "sys.exit(token)"},
    "a failing init": {"init": "raise RuntimeError(os.environ['TOKEN'])"},
    "an init that ends": {"init": "sys.exit(os.environ['TOKEN'])"},
    "a wrong answer": {"answer": "[os.environ['TOKEN']]"},
    "an answer that fails": {"answer": "1 / len(os.environ['TOKEN'], '')"},
}


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_a_script_shows_or_keeps_a_secret(cage: Cage, fault: str, as_json: bool) -> None:
    write(cage.shell, **FAULTS[fault])
    shown = cage.run("deploy", *(["--json"] if as_json else []), code=None)
    assert "rror" in shown
    for argv in (["logs"], ["history", "--json"], ["run", "list", "--json"], ["status"]):
        cage.run(*argv, code=None)
    assert cage.hits() == []


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("fault", ["connect", "track", "register", "connect-expected", "register-expected"])
def test_no_fault_of_a_plugin_shows_or_keeps_a_secret(cage: Cage, fault: str, as_json: bool) -> None:
    shown = cage.run("deploy", *(["--json"] if as_json else []), code=6, LEAKER_FAULT=fault)
    assert "cannot do it with" in shown or "refused: " in shown
    assert "***" in shown  # the redaction itself is shown
    cage.run("run", "list", "--json")
    assert cage.hits() == []


def test_a_killed_training_leaves_no_secret(cage: Cage) -> None:
    write(cage.shell, train="open(os.path.dirname(__file__) + '/entered', 'w').close(); time.sleep(60)")
    command = cage.shell.start("deploy")
    wait_for((cage.shell.folder / "entered").exists)
    command.kill()
    cage.shown += "".join(command.communicate(timeout=LIMIT))
    assert cage.hits() == []
    assert "its process is dead" in cage.run("repair", "--yes")
    assert cage.hits() == []


@pytest.mark.slow
def test_a_killed_deploy_leaves_no_secret_and_the_next_one_completes_it(cage: Cage) -> None:
    write(cage.shell, init="import time; time.sleep(1)")
    command = cage.shell.start("deploy")
    wait_for(lambda: any(cage.shell.folder.glob(".lading/work/deployments/local/canary/releases/1.log")))
    command.kill()
    cage.shown += "".join(command.communicate(timeout=LIMIT))
    assert cage.hits() == []
    cage.run("deploy")
    assert "1" in cage.run("score", "-d", "1")
    assert cage.hits() == []


@pytest.mark.slow
def test_after_the_death_of_a_supervisor_a_deploy_hands_the_values_over_again(cage: Cage) -> None:
    write(cage.shell, answer="[len(os.environ['TOKEN'])]")
    length = len(cage.shell.env["CANARY_TARGET"])
    cage.shell.write("lading.yaml", MANIFEST.replace("response: [1]", f"response: [{length}]"))
    cage.run("deploy")
    work = cage.shell.folder / ".lading" / "work" / "deployments" / "local" / "canary"
    kill = "import json, os, sys; os.kill(json.load(open(sys.argv[1]))['pid'], 9)"
    subprocess.run([sys.executable, "-c", kill, work / "state.json"], check=True)
    wait_for(lambda: "stopped" in cage.run("status"))
    cage.run("deploy")
    assert cage.run("score", "-d", "1").startswith(f"[{length}]")
    assert cage.hits() == []


def test_the_suite_detects_a_leaked_secret(cage: Cage) -> None:
    planted = cage.shell.write("leak.bin", f"\0{cage.shell.env['CANARY_TAG']}\0")
    cage.shown = f"fine\nsee {cage.shell.env['CANARY_TOKEN']}\n"
    assert cage.hits() == [str(planted), f"see {cage.shell.env['CANARY_TOKEN']}"]
