"""Any sequence of deploys, changes, kills, rollbacks, deletions and cleanings over two deployments, against a model.

`machine.py FOLDER EXAMPLES STEPS` runs it and prints its figures as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import lading
from lading.errors import BadInput, LadingError, NotUp
from lading.store import Store

TARGETS = ("near", "far")
KEEP = 3
EVENTS = 60  # about as many changes does a deploy make
DYING = Path(__file__).with_name("programs") / "dying.py"
MANIFEST = """\
version: 1
name: ferry
register: {{model: hull, file: model.joblib}}
package:
  scoring_script: score.py
  samples: [{{request: 1, response: {answer}}}]
targets:
  near: {{plugin: local}}
  far: {{plugin: local, service_name: raft}}
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

berths = st.sampled_from(TARGETS)


class Voyage(RuleBasedStateMachine):
    """`live` is what each target serves; `torn` what a killed deploy wanted there; `past` what came up, in order."""

    folder: Path
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.home = Voyage.folder / os.urandom(4).hex()
        self.home.mkdir(parents=True)
        (self.home / "score.py").write_text(SCRIPT)
        self.wanted = 1
        self.live: dict[str, int] = {}
        self.torn: dict[str, int] = {}
        self.past: dict[str, list[int]] = {target: [] for target in TARGETS}
        self.murky: set[str] = set()  # targets of which only the store knows what came up
        self.dark: set[str] = set()  # targets whose supervisor was killed
        self.kept: set[int] = set()
        self.unsure: set[int] = set()
        self.models: dict[int, str] = {}
        self.change(1)

    def teardown(self) -> None:
        for target in TARGETS:
            with suppress(LadingError):
                self._deployment(target).delete()
        for pid in processes(self.home):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.home)

    @property
    def manifest(self) -> Path:
        return self.home / "lading.yaml"

    @property
    def store(self) -> Path:
        return self.home / ".lading"

    @rule(value=st.integers(1, 4))
    def change(self, value: int) -> None:
        self.wanted = value
        (self.home / "model.joblib").write_text(str(value))
        self.manifest.write_text(MANIFEST.format(answer=value))

    @rule(berth=berths)
    def deploy(self, berth: str) -> None:
        live = lading.deploy(self.manifest, target=berth, store=self.store)
        need(live.score(1) == self.wanted, "stuck", f"a deploy to {berth} answers {live.score(1)}, not {self.wanted}")
        if berth in self.torn and self.torn[berth] != self.wanted:
            self.murky.add(berth)  # the killed deploy may have come up before it was killed
        self._came_up(berth, self.wanted)

    @rule(berth=berths)
    def deploy_what_answers_wrongly(self, berth: str) -> None:
        if berth in self.torn or self.live.get(berth) == self.wanted:
            return  # what is up already is not asked again
        self.manifest.write_text(MANIFEST.format(answer=99))
        try:
            lading.deploy(self.manifest, target=berth, store=self.store)
        except NotUp:
            pass
        else:
            need(False, "untrue", "a wrong answer came up")
        finally:
            self.change(self.wanted)
        self.dark.discard(berth)  # a deploy brings up what served before, too

    @rule(berth=berths, event=st.integers(1, EVENTS))
    def kill_a_deploy(self, berth: str, event: int) -> None:
        argv = [sys.executable, str(DYING), str(self.home), berth, str(event)]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        need(ended.returncode in (0, -signal.SIGKILL), "stuck", f"{ended.returncode}: {ended.stderr[-600:]}")
        if ended.returncode == 0:
            if berth in self.torn and self.torn[berth] != self.wanted:
                self.murky.add(berth)
            self._came_up(berth, self.wanted)
            return
        if berth in self.torn or berth in self.dark:
            self.murky.add(berth)
        self.torn[berth] = self.wanted

    @precondition(lambda self: set(self.live) - set(self.torn) - self.dark)
    @rule(data=st.data())
    def kill_a_supervisor(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(sorted(set(self.live) - set(self.torn) - self.dark)))
        os.kill(self._supervisor(target), signal.SIGKILL)
        self.dark.add(target)

    @rule(berth=berths)
    def roll_back(self, berth: str) -> None:
        if berth in self.torn or berth in self.murky or berth not in self.live:
            return
        others = [value for value in reversed(self.past[berth]) if value != self.live[berth]]
        if set(others) & self.unsure:
            return
        able = [value for value in others if value in self.kept]
        try:
            live = lading.rollback(self.manifest, target=berth, store=self.store)
        except BadInput as error:
            need(not able, "lost", f"{error.message}, though {able} came up on {berth}")
        else:
            answer = live.score(1)
            need(able[:1] == [answer], "untrue", f"a rollback of {berth} answers {answer}, of {able}")
            self._came_up(berth, able[0])

    @rule(berth=berths)
    def delete(self, berth: str) -> None:
        self._deployment(berth).delete()
        self.live.pop(berth, None)
        self.dark.discard(berth)
        if self.torn.pop(berth, None) is not None:
            self.murky.add(berth)

    @rule()
    def clean(self) -> None:
        lading.gc(self.manifest, keep=KEEP, remove=True, store=self.store)
        sure, perhaps = set(self.live.values()), set(self.torn.values())
        for target, past in self.past.items():
            last = list(dict.fromkeys(reversed(past)))
            sure |= set(last[: KEEP - (target in self.torn or target in self.murky)])
            perhaps |= set(last[:KEEP])
        self.unsure = (self.unsure | self.kept) & (perhaps | self.unsure) - sure
        self.kept &= sure

    @invariant()
    def nothing_is_lost(self) -> None:
        Voyage.steps += 1
        with closing(Store.open(self.store)) as store:
            found = {model.version: model.sha256 for model in store.models.list()}
            need(self.models.items() <= found.items(), "lost", f"model versions {self.models} are {found}")
            for model in store.models.list():
                store.models.check(model)
            for target in TARGETS:
                releases = [release for release in store.releases.list() if release.target == target]
                numbers = [release.number for release in releases]
                need(numbers == list(range(len(numbers), 0, -1)), "lost", f"releases {numbers}")
                up = [release.state for release in releases].count("up")
                need(target in self.torn or up == (target in self.live), "corrupt", f"{up} releases of {target} are up")
            self.models = found

    @invariant()
    def what_is_live_answers(self) -> None:
        for target, value in self.live.items():
            if target not in self.dark:
                answer = self._deployment(target).score(1)
                allowed = {value, self.torn.get(target, value)}
                need(answer in allowed, "gaps", f"{target} answers {answer}, not one of {allowed}")

    @invariant()
    def nobody_is_orphaned(self) -> None:
        """Each process is the supervisor of a deployment in the store, or its child."""
        expected = None if self.torn else 2 * len(set(self.live) - self.dark)

        def settled() -> bool:
            supervisors = {self._supervisor(target) for target in TARGETS} - {0}
            known = supervisors | {child for pid in supervisors for child in children(pid)}
            running = set(processes(self.home))
            return running <= known and expected in (None, len(running))

        need(eventually(settled), "orphans", f"{expected} processes should run, and {processes(self.home)} do")

    def _came_up(self, target: str, value: int) -> None:
        self.live[target] = value
        self.torn.pop(target, None)
        self.dark.discard(target)
        self.past[target].append(value)
        self.kept.add(value)
        self.unsure.discard(value)

    def _deployment(self, target: str) -> lading.LiveDeployment:
        return lading.deployment(self.manifest, target=target, store=self.store)

    def _supervisor(self, target: str) -> int:
        states = (self.store / "work" / "deployments" / target).glob("*/state.json")
        pids = [json.loads(state.read_text())["pid"] for state in states]
        return pids[0] if pids else 0


class Harmed(AssertionError):
    """An invariant that did not hold; its first word is the harm."""


def need(holds: bool, harm: str, message: str) -> None:
    if not holds:
        raise Harmed(f"{harm}: {message}")


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def processes(folder: Path) -> list[int]:
    """Those that name the folder on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def sail(folder: Path, examples: int, steps: int) -> None:
    Voyage.folder = folder
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    found = []
    try:
        run_state_machine_as_test(Voyage, settings=chosen)
    except Harmed as error:
        found.append(str(error))
    except LadingError as error:
        found.append(f"stuck: {error!r}")
    sys.stdout.write("\n" + json.dumps({"steps": Voyage.steps, "found": found}) + "\n")


if __name__ == "__main__":
    sail(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
