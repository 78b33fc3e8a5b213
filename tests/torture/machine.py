"""Random deploys, canaries, changes, kills, rollbacks and cleanings over two deployments, compared with a model.

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
from lading.errors import BadInput, LadingError, NotUp, Refused
from lading.store import Store

TARGETS = ("near", "far")
KEEP = 3
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
  near: {{plugin: local}}
  far: {{plugin: local, service_name: stop}}
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

blocks = st.sampled_from(TARGETS)


class Lifecycle(RuleBasedStateMachine):
    """The model.

    `live` is the serving release of each target, and `beside` its canary. `torn` is the release that a killed deploy
    wanted there. `past` lists the releases that came up, in order.
    """

    folder: Path
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.home = Lifecycle.folder / os.urandom(4).hex()
        self.home.mkdir(parents=True)
        (self.home / "score.py").write_text(SCRIPT)
        self.wanted = 1
        self.live: dict[str, int] = {}
        self.torn: dict[str, int] = {}
        self.beside: dict[str, int] = {}
        self.past: dict[str, list[int]] = {target: [] for target in TARGETS}
        self.murky: set[str] = set()  # targets whose last release only the store knows
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

    @rule(block=blocks, weight=st.integers(0, 100), shadow=st.booleans())
    def deploy_a_canary(self, block: str, weight: int, shadow: bool) -> None:
        if block not in self.live or block in self.torn or block in self.dark:
            return  # without a release that serves, it is a plain deploy
        if self.live[block] == self.wanted:
            return  # this release is up already
        if self.beside.get(block, self.wanted) != self.wanted:
            self._need_refusal(block)
            return
        copies, percent = (max(1, weight), None) if shadow else (None, weight)
        lading.deploy(self.manifest, target=block, store=self.store, canary=percent, shadow=copies)
        self.beside[block] = self.wanted
        found = lading.traffic(self.manifest, target=block, store=self.store)
        shown = found.canary and (found.canary.weight, found.shadow)
        need(shown == (percent or 0, copies or 0), "untrue", f"the shares of {block}: {found}")

    @rule(block=blocks, promoted=st.booleans())
    def end_the_canary(self, block: str, promoted: bool) -> None:
        if block not in self.beside:
            return
        if promoted:
            lading.promote(self.manifest, target=block, store=self.store)
            self._came_up(block, self.beside.pop(block))
        else:
            lading.abort(self.manifest, target=block, store=self.store)
            self.kept.add(self.beside.pop(block))

    @precondition(lambda self: self._able_to_abort())
    @rule(data=st.data())
    def roll_back_after_an_abort(self, data: st.DataObject) -> None:
        """Without this rule, few sequences have a rollback after an abort."""
        block = data.draw(st.sampled_from(self._able_to_abort()))
        if block not in self.beside:
            if self.live[block] == self.wanted:
                self.change(self.wanted % 4 + 1)
            self.deploy_a_canary(block, 0, shadow=False)
        self.end_the_canary(block, promoted=False)
        self.roll_back(block)

    @rule(block=blocks, promoted=st.booleans(), event=st.integers(1, EVENTS))
    def kill_the_end_of_a_canary(self, block: str, promoted: bool, event: int) -> None:
        if block not in self.beside:
            return
        self._die(block, event, "promote" if promoted else "abort")
        self.end_the_canary(block, promoted)

    @rule(block=blocks)
    def deploy(self, block: str) -> None:
        if block in self.beside:
            self._need_refusal(block)
            return
        live = lading.deploy(self.manifest, target=block, store=self.store)
        need(live.score(1) == self.wanted, "stuck", f"a deploy to {block} answers {live.score(1)}, not {self.wanted}")
        if block in self.torn and self.torn[block] != self.wanted:
            self.murky.add(block)  # the killed deploy may have come up before the kill
        self._came_up(block, self.wanted)

    @rule(block=blocks)
    def deploy_what_answers_wrongly(self, block: str) -> None:
        if block in self.beside or block in self.torn or self.live.get(block) == self.wanted:
            return  # a release that is up gets no golden requests again
        self.manifest.write_text(MANIFEST.format(answer=99))
        try:
            lading.deploy(self.manifest, target=block, store=self.store)
        except NotUp:
            pass
        else:
            need(False, "untrue", "a wrong answer came up")
        finally:
            self.change(self.wanted)
        self.dark.discard(block)  # a deploy also restarts the release that served before

    @rule(block=blocks, event=st.integers(1, EVENTS))
    def kill_a_deploy(self, block: str, event: int) -> None:
        if block in self.beside:
            return
        if self._die(block, event, "deploy"):
            if block in self.torn and self.torn[block] != self.wanted:
                self.murky.add(block)
            self._came_up(block, self.wanted)
            return
        if block in self.torn or block in self.dark:
            self.murky.add(block)
        self.torn[block] = self.wanted

    @precondition(lambda self: set(self.live) - set(self.torn) - set(self.beside) - self.dark)
    @rule(data=st.data())
    def kill_a_supervisor(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(sorted(set(self.live) - set(self.torn) - set(self.beside) - self.dark)))
        os.kill(self._supervisor(target), signal.SIGKILL)
        self.dark.add(target)

    @rule(block=blocks)
    def roll_back(self, block: str) -> None:
        if block in self.torn or block in self.murky or block in self.beside or block not in self.live:
            return
        others = [value for value in reversed(self.past[block]) if value != self.live[block]]
        if set(others) & self.unsure:
            return
        able = [value for value in others if value in self.kept]
        try:
            live = lading.rollback(self.manifest, target=block, store=self.store)
        except BadInput as error:
            need(not able, "lost", f"{error.message}, though {able} came up on {block}")
        else:
            answer = live.score(1)
            need(able[:1] == [answer], "untrue", f"a rollback of {block} answers {answer}, of {able}")
            self._came_up(block, able[0])

    @rule(block=blocks)
    def delete(self, block: str) -> None:
        self._deployment(block).delete()
        self.live.pop(block, None)
        if block in self.beside:
            self.kept.add(self.beside.pop(block))
        self.dark.discard(block)
        if self.torn.pop(block, None) is not None:
            self.murky.add(block)

    @rule()
    def clean(self) -> None:
        lading.gc(self.manifest, keep=KEEP, remove=True, store=self.store)
        sure, perhaps = {*self.live.values(), *self.beside.values()}, set(self.torn.values())
        for target, past in self.past.items():
            last = list(dict.fromkeys(reversed(past)))
            sure |= set(last[: KEEP - (target in self.torn or target in self.murky)])
            perhaps |= set(last[:KEEP])
        self.unsure = (self.unsure | self.kept) & (perhaps | self.unsure) - sure
        self.kept &= sure

    @invariant()
    def nothing_is_lost(self) -> None:
        Lifecycle.steps += 1
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
                canaries = [release.state for release in releases].count("canary")
                need(canaries == (target in self.beside), "corrupt", f"{canaries} releases of {target} are canaries")
            self.models = found

    @invariant()
    def what_is_live_answers(self) -> None:
        for target, value in self.live.items():
            if target not in self.dark:
                answer = self._deployment(target).score(1)
                allowed = {value, self.torn.get(target, value), self.beside.get(target, value)}
                need(answer in allowed, "gaps", f"{target} answers {answer}, not one of {allowed}")

    @invariant()
    def nobody_is_orphaned(self) -> None:
        """Check that each process is the supervisor of a deployment in the store, its keeper, or its child."""
        expected = None if self.torn else 3 * len(set(self.live) - self.dark)

        def settled() -> bool:
            supervisors = {self._supervisor(target) for target in TARGETS} - {0}
            known = supervisors | {each for pid in supervisors for each in family(pid)}
            running = set(processes(self.home))
            return running <= known and expected in (None, len(running))

        need(eventually(settled), "orphans", f"{expected} processes should run, and {processes(self.home)} do")

    def _die(self, block: str, event: int, command: str) -> bool:
        """Kill a command before its n-th change. Returns whether it ended before that."""
        argv = [sys.executable, str(DYING), str(self.home), block, str(event), command]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        need(ended.returncode in (0, -signal.SIGKILL), "stuck", f"{ended.returncode}: {ended.stderr[-600:]}")
        return ended.returncode == 0

    def _able_to_abort(self) -> list[str]:
        return sorted(set(self.live) - set(self.torn) - self.dark)

    def _need_refusal(self, block: str) -> None:
        """A plain deploy beside a canary is refused, and changes nothing."""
        try:
            lading.deploy(self.manifest, target=block, store=self.store)
        except Refused:
            return
        need(False, "untrue", f"a deploy to {block} came up beside a canary")

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
    """A violated invariant. Its first word is the kind of harm."""


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


def run_machine(folder: Path, examples: int, steps: int) -> None:
    Lifecycle.folder = folder
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
        run_state_machine_as_test(Lifecycle, settings=chosen)
    except Harmed as error:
        found.append(str(error))
    except LadingError as error:
        found.append(f"stuck: {error!r}")
    sys.stdout.write("\n" + json.dumps({"steps": Lifecycle.steps, "found": found}) + "\n")


if __name__ == "__main__":
    run_machine(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
