"""The rules of the state machine about canaries, their shares and their rollouts."""

from __future__ import annotations

import os
import signal
import urllib.request
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import lading
from lading.errors import BadInput, NotUp, Refused

from .deployments import EVENTS, TARGETS, Deployments, eventually, need

FAST = "steps: [20, 100], pause: 0"
SLOW = "steps: [20, 100], pause: 60"
STRICT = "steps: [20, 100], pause: 0, max_difference: 0.1"  # two models differ by more
BRIEF = 20.0  # seconds: a rollout that has just begun locks the service for a moment

blocks = st.sampled_from(TARGETS)
percents = st.integers(0, 100)


class Canaries(Deployments):
    """Canaries of the model."""

    @rule(block=blocks, weight=percents, shadow=st.booleans())
    def deploy_a_canary(self, block: str, weight: int, shadow: bool) -> None:
        if block in self.torn:
            return
        if self.beside.get(block, self.wanted) != self.wanted:
            self.need_refusal(block, lading.deploy)
            return
        copies = max(1, weight) if shadow else 0
        found: dict[str, int] = {"shadow": copies} if shadow else {"canary": weight}
        self._run(block, "deploy", **found)
        self._came_beside(block, (0 if shadow else weight, copies))

    @rule(block=blocks, weight=percents)
    def shift(self, block: str, weight: int) -> None:
        if block not in self.beside:
            return
        self._run(block, "traffic", weight=weight)
        self._came_beside(block, (weight, 0))

    @rule(block=blocks)
    def compare(self, block: str) -> None:
        if block not in self.beside or block in self.dark:
            return
        found = lading.compare(self.manifest, target=block, store=self.store)
        answers = [(row.old, row.new) for row in found.rows]
        wanted = [(self.live[block], self.beside[block])]
        need((found.equal, answers) == (0, wanted), "untrue", f"the comparison of {block}, {wanted}, is {found}")

    @rule(block=blocks, promoted=st.booleans())
    def end_the_canary(self, block: str, promoted: bool) -> None:
        if block not in self.beside:
            return
        self._run(block, "promote" if promoted else "abort")
        self._ended(block, promoted=promoted)

    @rule(block=blocks, strict=st.booleans())
    def roll_out(self, block: str, strict: bool) -> None:
        if block in self.torn:
            return
        if self.beside.get(block, self.wanted) != self.wanted:
            self.need_refusal(block, lading.deploy)
            return
        aborts = strict and block in self.live and self.wanted != self.live[block]
        aborts = aborts and (block not in self.dark or block in self.beside)
        self.describe(rollout=STRICT if strict else FAST)
        try:
            self._run(block, "deploy")
        except NotUp as error:
            need(aborts, "untrue", f"a rollout on {block} failed: {error.message}")
        else:
            need(not aborts, "untrue", f"a rollout on {block} passed its limit")
        finally:
            self.describe()
        self.beside[block] = self.wanted
        self._ended(block, promoted=not aborts)

    @precondition(lambda self: self._able_to_begin())
    @rule(data=st.data(), how=st.sampled_from(("promote", "abort", "traffic", "delete", "kill")))
    def end_a_detached_rollout(self, data: st.DataObject, how: str) -> None:
        block = data.draw(st.sampled_from(self._able_to_begin()))
        self.want_another(block)
        self.describe(rollout=SLOW)
        self._run(block, "deploy", detach=True)
        self._came_beside(block, (20, 0))
        pid = self._runner(block)
        need(pid is not None, "untrue", f"nothing rolls {block} out")
        self._meet(block, how, pid or 0)
        need(eventually(lambda: not _is_alive(pid)), "orphans", f"{pid} still rolls {block} out after {how}")
        self.describe()

    def _meet(self, block: str, how: str, pid: int) -> None:
        """Run a command during a rollout that the process `pid` runs, or kill it; the same command then continues."""
        if how in ("promote", "abort"):
            self._run(block, how, lock_wait=BRIEF)
            self._ended(block, promoted=how == "promote")
        elif how == "delete":
            lading.deployment(self.manifest, target=block, store=self.store, lock_wait=BRIEF).delete()
            self._ended(block, promoted=False)
            del self.live[block]
        else:
            os.kill(pid, signal.SIGKILL)
            need(eventually(lambda: self._runner(block) is None), "untrue", f"{pid} is dead, and rolls {block} out")
            if how == "traffic":
                self.shift(block, 70)
            self.describe(rollout=FAST)
            self._run(block, "deploy")
            self._ended(block, promoted=True)

    @rule(
        block=blocks,
        command=st.sampled_from(("canary", "shadow", "weight", "rollout", "promote", "abort")),
        again=st.booleans(),
        event=st.integers(1, EVENTS),
    )
    def kill_a_command_of_a_canary(self, block: str, command: str, again: bool, event: int) -> None:
        """Kill a command. Then the same command must complete the work, or `abort` must end it."""
        is_end, is_new = command in ("promote", "abort"), command in ("canary", "shadow", "rollout")
        if block not in self.serving() or (is_new and self.beside.get(block, self.wanted) != self.wanted):
            return
        if block not in self.beside and not (is_new and self.wanted != self.live[block]):
            return
        self.describe(rollout=FAST if command == "rollout" else "")
        if is_end:
            self.die(block, event, command)
            self.end_the_canary(block, promoted=command == "promote")
            return
        options = {command: 30} if command != "rollout" else {}
        done = self.die(block, event, "traffic" if command == "weight" else "deploy", **options)
        if not again and not (done and command == "rollout"):
            self._abort_what_is_left(block)
        elif command == "rollout":
            self.roll_out(block, strict=False)
        elif command == "weight":
            self.shift(block, 30)
        else:
            self.deploy_a_canary(block, 30, shadow=command == "shadow")
        self.describe()

    def _abort_what_is_left(self, block: str) -> None:
        """Abort a canary whose deploy or rollout was killed. It may not have begun, or be promoted already."""
        value = self.beside.pop(block, self.wanted)
        self.shares.pop(block, None)
        if value not in self.kept:
            self.unsure.add(value)
        try:
            lading.abort(self.manifest, target=block, store=self.store)
        except Refused:  # it serves alone already, and only this is not recorded
            lading.promote(self.manifest, target=block, store=self.store)
        except BadInput:
            pass
        if self.deployment(block).score(1) == value:
            self.came_up(block, value)

    def _run(self, block: str, command: str, **options: Any) -> Any:
        return getattr(lading, command)(self.manifest, target=block, store=self.store, **options)

    def _came_beside(self, block: str, shares: tuple[int, int]) -> None:
        """The wanted release, or the canary, has these shares. If nothing served before, it is the stable one."""
        if block not in self.beside and (block not in self.live or block in self.dark):
            self.came_up(block, self.wanted)
        elif block in self.beside or self.live[block] != self.wanted:
            self.dark.discard(block)
            self.keep(self.beside.setdefault(block, self.wanted))
            self.shares[block] = shares

    def _ended(self, block: str, *, promoted: bool) -> None:
        value = self.beside.pop(block)
        self.shares.pop(block, None)
        self.dark.discard(block)
        self.keep(value)
        if promoted:
            self.came_up(block, value)

    def _able_to_begin(self) -> list[str]:
        return [block for block in self.serving() if block not in self.beside]

    def _runner(self, block: str) -> int | None:
        found = lading.traffic(self.manifest, target=block, store=self.store).rollout
        return found.pid if found else None

    def check_shares(self, block: str) -> None:
        """The target shows both releases with the shares of the model, and each answers a client that chooses it."""
        found = lading.traffic(self.manifest, target=block, store=self.store)
        weight, copies = self.shares[block]
        shown = (found.stable and found.stable.weight, found.canary and found.canary.weight, found.shadow)
        need(shown == (100 - weight, weight, copies), "untrue", f"the shares of {block}: {found}")
        past = lading.history(self.manifest, targets=(block,), store=self.store)
        states = {each.release.state: each.release.number for each in reversed(past)}
        numbers = (found.stable and found.stable.release, found.canary and found.canary.release)
        need(numbers == (states.get("up"), states.get("canary")), "corrupt", f"{block} has {found} and {states}")
        uri = self.deployment(block).scoring_uri
        for choice, value in (("stable", self.live[block]), ("canary", self.beside[block])):
            answer = _answer(uri, choice)
            need(answer == str(value), "gaps", f"the {choice} release of {block} answers {answer}, not {value}")


def _answer(uri: str, choice: str) -> str:
    headers = {"content-type": "application/json", "x-lading-release": choice}
    with urllib.request.urlopen(urllib.request.Request(uri, b"1", headers), timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def _is_alive(pid: int | None) -> bool:
    """Whether a child of this process runs. One that has ended is reaped."""
    try:
        return os.waitpid(pid or 0, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False
