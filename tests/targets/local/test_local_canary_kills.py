"""The end of a canary on the target `local`, killed before each of its changes, while a client sends requests."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import count

import pytest
from tests.conftest import ROOT, Shell
from tests.torture.beside import Good, beside
from tests.waiting import LIMIT

DYING = ROOT / "tests" / "torture" / "programs" / "dying.py"
MANIFEST = """\
version: 1
name: echo
register: {model: echo, file: model.txt}
package: {scoring_script: score.py, samples: [{request: [1], response: [1]}]}
targets: {local: {port: 0}}
"""
SCRIPT = "import json\n\ndef init(): pass\n\ndef run(raw_data): return json.loads(raw_data)\n"


@pytest.mark.slow
@pytest.mark.parametrize(("command", "state"), [("promote", "up"), ("abort", "aborted")])
def test_an_end_that_is_killed_continues_and_loses_no_request(shell: Shell, command: str, state: str) -> None:
    shell.write("lading.yaml", MANIFEST)
    shell.write("score.py", SCRIPT)
    shell.write("model.txt", "0")
    client = Good(shell("deploy").out.strip())
    with beside(client.run, client.ends):
        for event in count(1):
            shell.write("model.txt", str(event))
            shell("deploy", "--canary", "50")
            code = die(shell, event, command)
            shell(command)
            assert shell("traffic", "--json").json()["canary"] is None
            assert shell("history", "--json").json()[0]["state"] == state
            if code == 0:
                break
            assert code == -signal.SIGKILL
    assert (client.wrong, client.asked > event, event > 3) == ([], True, True)
    shell("delete")


def die(shell: Shell, event: int, command: str) -> int:
    """Run a command until its n-th change in the project. Returns its exit code."""
    argv = [sys.executable, str(DYING), str(shell.folder), "local", str(event), command]
    return subprocess.run(argv, env=shell.env, cwd=shell.folder, timeout=LIMIT, check=False).returncode
