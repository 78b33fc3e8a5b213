"""A canary on a real cluster, step by step: the pods that the Service leads to, and the objects that are left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from tests.targets.kubernetes.kubernetes_kit import Hooks
from tests.waiting import eventually

from lading import DeployRequest, Done, Ready, Share, ShiftRequest, ShiftStep
from lading_kubernetes import lading_status
from lading_kubernetes.options import KubernetesOptions

pytestmark = pytest.mark.kubernetes

Request = DeployRequest[KubernetesOptions]
REPLICAS = 2


class Canary:
    """A stable release and a canary beside it."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.stable, self.canary = hooks.request(1, replicas=REPLICAS), hooks.request(2, replicas=REPLICAS)
        assert hooks.deploy(self.stable) == Ready()
        assert hooks.deploy(replace(self.canary, beside=True)) == Ready()

    def shift(self, *shares: tuple[Request, int]) -> ShiftStep:
        wanted = tuple(Share(release_id=request.release_id, weight=weight) for request, weight in shares)
        step: ShiftStep = self.hooks.shift(ShiftRequest(deployment=self.stable.deployment, shares=wanted))
        return step

    @property
    def served(self) -> list[tuple[str, int]]:
        found = lading_status(self.stable.deployment, self.hooks.context)
        assert found.changed == {}, "a shift of the target counts as a change by others"
        return [(each.release_id, each.weight) for each in found.releases]

    def led_to(self, *requests: tuple[Request, int]) -> None:
        """Wait until the Service leads to these numbers of pods of the releases."""
        ids = {request.release_id: count for request, count in requests}
        eventually(lambda: self._endpoints() == ids, "the Service leads to its pods")

    def _endpoints(self) -> dict[str, int]:
        """How many pods of each release the Service leads to, as the cluster sees it."""
        read, found = self.hooks.kubernetes.read, dict[str, int]()
        for subset in read("endpoints", self.hooks.service).get("subsets") or ():
            for address in subset.get("addresses") or ():
                release = read("pod", address["targetRef"]["name"])["metadata"]["labels"]["lading.release-id"]
                found[release] = found.get(release, 0) + 1
        return found


def test_the_service_leads_to_the_pods_of_both_releases(hooks: Hooks) -> None:
    made = Canary(hooks)
    stable, canary = made.stable, made.canary
    assert made.served == [(stable.release_id, 100), (canary.release_id, 0)]
    made.led_to((stable, REPLICAS))
    candidate = hooks.request(3)
    hooks.steps(candidate)
    assert made.shift((stable, 70), (canary, 30)) == Done()
    assert hooks.context.warnings[-1] == "the canary has 1 of 3 pods, so it gets about 33 % of the requests"
    made.led_to((stable, 2), (canary, 1))
    assert made.served == [(stable.release_id, 70), (canary.release_id, 30)]
    assert made.shift((stable, 0), (canary, 100)) == Done()
    made.led_to((canary, 2))
    assert made.shift((stable, 100)) == Done()
    made.led_to((stable, REPLICAS))
    assert made.served == [(stable.release_id, 100)]
    left = [name for name in hooks.kubernetes.names(hooks.service) if name.startswith("deployment.apps")]
    assert len(left) == 2, "the stable release, and the candidate of another command"


def test_a_promoted_canary_leaves_no_trace_of_the_release_before(hooks: Hooks) -> None:
    made = Canary(hooks)
    assert made.shift((made.stable, 50), (made.canary, 50)) == Done()
    made.led_to((made.stable, 2), (made.canary, 2))
    assert made.shift((made.canary, 100)) == Done()
    made.led_to((made.canary, REPLICAS))
    assert made.served == [(made.canary.release_id, 100)]
    (left,) = (name for name in hooks.kubernetes.names(hooks.service) if name.startswith("deployment.apps"))
    marks = hooks.kubernetes.read("svc", hooks.service)["metadata"]["annotations"]
    assert marks["lading.release"] == "2"
    assert "lading.canary-release-id" not in marks
    assert hooks.deploy(hooks.request(3)) == Ready()
    assert left not in hooks.kubernetes.names(hooks.service)


class Killed(BaseException):
    """The command is killed."""


def after_kills(hooks: Hooks, monkeypatch: pytest.MonkeyPatch, command: Callable[[], Any]) -> Any:
    """The last step of a command that is killed before its first change, then before its second, until it ends."""
    for number in range(20):
        left = [""] * number

        def intend(_name: str, left: list[str] = left) -> None:
            if not left:
                raise Killed
            left.pop()

        with monkeypatch.context() as patched, suppress(Killed):
            patched.setattr(hooks.context, "intend", intend)
            return command()
    raise AssertionError("the command does not end")


def test_killed_commands_of_a_canary_end_as_others(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    stable, canary, third = (hooks.request(number, replicas=REPLICAS) for number in (1, 2, 3))
    assert hooks.deploy(stable) == Ready()

    def shift(*shares: tuple[Request, int]) -> Any:
        wanted = tuple(Share(release_id=request.release_id, weight=weight) for request, weight in shares)
        request = ShiftRequest(deployment=stable.deployment, shares=wanted)
        return after_kills(hooks, monkeypatch, lambda: hooks.shift(request))

    def beside(request: Request) -> Any:
        return after_kills(hooks, monkeypatch, lambda: hooks.deploy(replace(request, beside=True)))

    assert beside(canary) == Ready()
    assert shift((stable, 50), (canary, 50)) == Done()
    assert shift((canary, 100)) == Done()
    assert beside(third) == Ready()
    assert shift((canary, 50), (third, 50)) == Done()
    assert shift((canary, 100)) == Done()
    found = lading_status(stable.deployment, hooks.context)
    assert [(each.release_id, each.weight, each.wanted) for each in found.releases] == [
        (canary.release_id, 100, REPLICAS)
    ]
    left = [name for name in hooks.kubernetes.names(hooks.service) if name.startswith("deployment.apps")]
    assert len(left) == 1
