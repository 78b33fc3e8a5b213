"""Random deploys, canaries, rollouts, changes, kills, rollbacks and cleanings over two deployments, next to a model.

`python -m tests.torture.machine FOLDER EXAMPLES STEPS` runs it and prints its figures as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

import lading
from lading.errors import BadInput, LadingError, NotUp
from lading.store import Store

from .canary_rules import Canaries, blocks
from .deployments import EVENTS, TARGETS, Deployments, Harmed, eventually, family, need, processes

KEEP = 3


class Lifecycle(Canaries):
    """The commands about one release, and the promises that hold after each step."""

    steps = 0

    @rule(value=st.integers(1, 4))
    def change(self, value: int) -> None:
        self.want(value)

    @rule(block=blocks)
    def deploy(self, block: str) -> None:
        if block in self.beside:
            self.need_refusal(block, lading.deploy)
            return
        live = lading.deploy(self.manifest, target=block, store=self.store)
        need(live.score(1) == self.wanted, "stuck", f"a deploy to {block} answers {live.score(1)}, not {self.wanted}")
        if block in self.torn and self.torn[block] != self.wanted:
            self.murky.add(block)  # the killed deploy may have come up before the kill
        self.came_up(block, self.wanted)

    @rule(block=blocks)
    def deploy_what_answers_wrongly(self, block: str) -> None:
        if block in self.beside or block in self.torn or self.live.get(block) == self.wanted:
            return  # a release that is up gets no golden requests again
        self.describe(answer=99)
        try:
            lading.deploy(self.manifest, target=block, store=self.store)
        except NotUp:
            pass
        else:
            need(False, "untrue", "a wrong answer came up")
        finally:
            self.describe()
        self.dark.discard(block)  # a deploy also restarts the release that served before

    @rule(block=blocks, event=st.integers(1, EVENTS))
    def kill_a_deploy(self, block: str, event: int) -> None:
        if block in self.beside:
            return
        if self.die(block, event, "deploy"):
            if block in self.torn and self.torn[block] != self.wanted:
                self.murky.add(block)
            self.came_up(block, self.wanted)
            return
        if block in self.torn or block in self.dark:
            self.murky.add(block)
        self.torn[block] = self.wanted

    @precondition(lambda self: self.serving())
    @rule(data=st.data())
    def kill_a_supervisor(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(self.serving()))
        os.kill(self.supervisor(target), signal.SIGKILL)
        self.dark.add(target)

    @rule(block=blocks)
    def roll_back(self, block: str) -> None:
        if block in self.beside:
            self.need_refusal(block, lading.rollback)
            return
        if block in self.torn or block in self.murky or block not in self.live:
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
            self.came_up(block, able[0])

    @precondition(lambda self: self.serving())
    @rule(data=st.data())
    def roll_back_after_an_abort(self, data: st.DataObject) -> None:
        """Without this rule, few sequences have a rollback after an abort."""
        block = data.draw(st.sampled_from(self.serving()))
        if block not in self.beside:
            self.want_another(block)
            self.deploy_a_canary(block, 0, shadow=False)
        self.end_the_canary(block, promoted=False)
        self.roll_back(block)

    @rule(block=blocks)
    def delete(self, block: str) -> None:
        self.deployment(block).delete()
        self.live.pop(block, None)
        if block in self.beside:
            self.keep(self.beside.pop(block))
            del self.shares[block]
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
                answer, weight = self.deployment(target).score(1), self.shares.get(target, (0, 0))[0]
                allowed = {value} if weight < 100 else set()
                allowed |= {self.torn.get(target, value)} if target in self.torn else set()
                allowed |= {self.beside[target]} if weight else set()
                need(answer in allowed, "gaps", f"{target} answers {answer}, not one of {allowed}")
                if target in self.beside:
                    self.check_shares(target)

    @invariant()
    def nobody_is_orphaned(self) -> None:
        """Check that each process is the supervisor of a deployment in the store, its keeper, or its child."""
        serving = set(self.live) - self.dark
        expected = None if self.torn else 3 * len(serving) + len(serving & set(self.beside))

        def settled() -> bool:
            supervisors = {self.supervisor(target) for target in TARGETS} - {0}
            known = supervisors | {each for pid in supervisors for each in family(pid)}
            running = set(processes(self.home))
            return running <= known and expected in (None, len(running))

        need(eventually(settled), "orphans", f"{expected} processes should run, and {processes(self.home)} do")


def run_machine(folder: Path, examples: int, steps: int) -> None:
    Deployments.folder = folder
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    found = []
    try:
        run_state_machine_as_test(Lifecycle, settings=chosen)
    except LadingError as error:
        found.append(f"stuck: {error!r}")
    except (Harmed, Flaky) as error:  # an error that is not repeated is Flaky, and no harm was seen
        found += Harmed.seen[:1] or [f"stuck: {error!r}"]
    sys.stdout.write("\n" + json.dumps({"steps": Lifecycle.steps, "found": found}) + "\n")


if __name__ == "__main__":
    run_machine(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
