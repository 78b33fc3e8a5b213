"""A canary whose commands are killed before each of their changes. Against an API server in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import context_in
from tests.targets.kubernetes.deploys_kit import Canary
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Candidate, Done, Pending, Ready

BLOCKS = {"by pods": "replicas: 3", "by route": "replicas: 3, route: {host: a.b, gateway: {name: public}}"}
Command = Callable[[Canary], None]


class Killed(BaseException):
    """The command is killed."""


def beside(canary: Canary) -> None:
    """Bring up the canary, until it stands beside the stable release without requests."""
    request, up = canary.beside(), None
    while (step := canary.deploys.step(request, up=up)) != Ready():
        assert isinstance(step, Pending | Candidate)
        canary.complete()
        up = up or isinstance(step, Candidate) or None


def weight(canary: Canary) -> None:
    assert canary.to_the_end((1, 50), (2, 50)) == Done()


def promote(canary: Canary) -> None:
    assert canary.to_the_end((2, 100)) == Done()


def abort(canary: Canary) -> None:
    assert canary.to_the_end((1, 100)) == Done()


COMMANDS: dict[str, tuple[tuple[Command, ...], Command]] = {
    "beside": ((), beside),
    "weight": ((beside,), weight),
    "promote": ((beside, weight), promote),
    "promote at once": ((beside,), promote),
    "abort": ((beside, weight), abort),
    "abort at once": ((beside,), abort),
}
"""The commands before, and the one that is killed."""


def made(folder: Path, block: str, before: tuple[Command, ...]) -> Canary:
    folder.mkdir()
    canary = Canary(folder, FakeCluster(), context_in(folder), block)
    for command in before:
        command(canary)
    return canary


def state(canary: Canary) -> Any:
    """All that the service has in the end."""
    objects = canary.cluster.objects
    pods = {name: body["spec"]["replicas"] for (kind, name), body in objects.items() if kind == "Deployment"}
    labels = objects["Service", "salary"]["metadata"]["labels"]
    return canary.cluster.names(), canary.selector, canary.served, pods, labels


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_ends_what_a_killed_one_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, block: str
) -> None:
    before, command = COMMANDS[name]
    whole = made(tmp_path / "whole", BLOCKS[block], before)
    intents = len(whole.context.intents)
    command(whole)
    changes = len(whole.context.intents) - intents
    assert changes > 0
    for number in range(changes):
        canary = made(tmp_path / str(number), BLOCKS[block], before)
        left = [None] * number

        def intend(_name: str, left: list[None] = left) -> None:
            if not left:
                raise Killed
            left.pop()

        with monkeypatch.context() as patched:
            patched.setattr(canary.context, "intend", intend)
            with pytest.raises(Killed):
                command(canary)
        assert canary.served[0][0], "a release serves all the time"
        command(canary)
        assert state(canary) == state(whole), f"killed before change {number + 1} of {changes}"
