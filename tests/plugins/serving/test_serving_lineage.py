"""The end of other processes on a system that does not adopt: only those of a session that a keeper leads."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.waiting import LIMIT

SESSION = """
import json, os, subprocess, sys
from lading_serving import lineage

def start(*command):
    return subprocess.Popen(command or ["sleep", "600"], process_group=0, stdout=subprocess.PIPE)

if sys.argv[1] != "leader":
    lineage._IS_LINUX = False
    worker = start(sys.executable, "-c", "import subprocess as s; print(s.Popen(['sleep', '600'], process_group=0).pid,"
                   " flush=True); s.run(['sleep', '600'])")
    other, below = start(), int(worker.stdout.readline())
    left = lineage.end_others({worker.pid}, 10, owns_session=sys.argv[1] == "owner")
    os.kill(below, 0)  # it raises if the process has ended
    print(json.dumps([left, worker.poll() is None, other.poll() is None]))
    lineage.end_others((), 10, owns_session=True)
else:
    supervisor = subprocess.run([sys.executable, "-c", os.environ["SESSION"], sys.argv[2]], process_group=0)
    sys.exit(supervisor.returncode)
"""


@pytest.mark.parametrize(("owner", "lives"), [("owner", False), ("stranger", True)])
def test_without_adoption_only_others_of_a_kept_session_are_ended(owner: str, lives: bool) -> None:
    """The leader of the session, a spared process and a process below it live on."""
    done = subprocess.run(
        [sys.executable, "-c", SESSION, "leader", owner],
        env={"SESSION": SESSION, "PATH": "/usr/bin:/bin"},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], True, lives]
