"""The model of two deployments for the state machine, and the steps that its rules share."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from hypothesis.stateful import RuleBasedStateMachine

import lading
from lading.errors import LadingError, Refused

TARGETS = ("near", "far")
EVENTS = 60  # roughly the number of changes in a deploy
DYING = Path(__file__).with_name("programs") / "dying.py"
MANIFEST = """\
version: 1
name: price
register: {{model: rate, file: model.joblib}}
package:
  scoring_script: score.py
  samples: [{{request: 1, response: {answer}}}]
targets:
  near: {{plugin: local{rollout}}}
  far: {{plugin: local, service_name: stop{rollout}}}
target: near
"""
SCRIPT = """\
import os


def init():
    global answer
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib")) as file:
        answer = int(file.read())


def run(raw_data):
    return answer
"""


class Deployments(RuleBasedStateMachine):
    """The model.

    `live` is the serving release of each target, `beside` its canary, and `shares` the percents of requests and of
    copies that the canary gets. `torn` is the release that a killed deploy wanted there. `past` lists the releases that
    came up, in order.
    """

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.home = Deployments.folder / os.urandom(4).hex()
        self.home.mkdir(parents=True)
        (self.home / "score.py").write_text(SCRIPT)
        self.wanted = 1
        self.live: dict[str, int] = {}
        self.torn: dict[str, int] = {}
        self.beside: dict[str, int] = {}
        self.shares: dict[str, tuple[int, int]] = {}
        self.past: dict[str, list[int]] = {target: [] for target in TARGETS}
        self.murky: set[str] = set()  # targets whose last release only the store knows
        self.dark: set[str] = set()  # targets whose supervisor was killed
        self.kept: set[int] = set()
        self.unsure: set[int] = set()
        self.models: dict[int, str] = {}
        self.want(1)

    def teardown(self) -> None:
        for target in TARGETS:
            with suppress(LadingError):
                self.deployment(target).delete()
        for pid in processes(self.home):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.home)

    @property
    def manifest(self) -> Path:
        return self.home / "lading.yaml"

    @property
    def store(self) -> Path:
        return self.home / ".lading"

    def want(self, value: int) -> None:
        """Let the manifest ask for a model that answers this."""
        self.wanted = value
        (self.home / "model.joblib").write_text(str(value))
        self.describe()

    def want_another(self, block: str) -> None:
        """Let the manifest ask for a model that does not serve."""
        if self.live[block] == self.wanted:
            self.want(self.wanted % 4 + 1)

    def describe(self, *, answer: int | None = None, rollout: str = "") -> None:
        """Write the manifest. `answer` is that of its golden request, and `rollout` has the keys of the block."""
        block = f", rollout: {{{rollout}}}" * bool(rollout)
        self.manifest.write_text(MANIFEST.format(answer=self.wanted if answer is None else answer, rollout=block))

    def die(self, block: str, event: int, command: str, **options: int) -> bool:
        """Kill a command before its n-th change. Returns whether it ended before that."""
        argv = [sys.executable, str(DYING), str(self.home), block, str(event), command, json.dumps(options)]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        need(ended.returncode in (0, -signal.SIGKILL), "stuck", f"{ended.returncode}: {ended.stderr[-600:]}")
        return ended.returncode == 0

    def serving(self) -> list[str]:
        """The targets with a release that serves, without an interrupted deploy."""
        return sorted(set(self.live) - set(self.torn) - self.dark)

    def need_refusal(self, block: str, command: Callable[..., object]) -> None:
        """A command beside a canary is refused, and changes nothing."""
        try:
            command(self.manifest, target=block, store=self.store)
        except Refused:
            return
        need(False, "untrue", f"a command was not refused beside the canary of {block}")

    def came_up(self, target: str, value: int) -> None:
        self.live[target] = value
        self.torn.pop(target, None)
        self.dark.discard(target)
        self.past[target].append(value)
        self.keep(value)

    def keep(self, value: int) -> None:
        """The package of this model is in the store."""
        self.kept.add(value)
        self.unsure.discard(value)

    def deployment(self, target: str) -> lading.LiveDeployment:
        return lading.deployment(self.manifest, target=target, store=self.store)

    def supervisor(self, target: str) -> int:
        states = (self.store / "work" / "deployments" / target).glob("*/state.json")
        pids = [json.loads(state.read_text())["pid"] for state in states]
        return pids[0] if pids else 0


class Harmed(AssertionError):
    """A violated invariant. Its first word is the kind of harm.

    `seen` lists all of them. Hypothesis repeats a failure, and raises another error if it does not happen again.
    """

    seen: ClassVar[list[str]] = []


def need(holds: bool, harm: str, message: str) -> None:
    if not holds:
        Harmed.seen.append(f"{harm}: {message}")
        raise Harmed(Harmed.seen[-1])


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def family(pid: int) -> list[int]:
    """The parent and the children of a process."""
    with suppress(OSError):
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        return [int(each) for each in (parent, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return []


def processes(folder: Path) -> list[int]:
    """The processes with the folder on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
