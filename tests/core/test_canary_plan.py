"""A plan and a deploy beside a canary: they agree, and a refusal comes before the work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.core.test_rollout import roll_out, states

STEPS = "steps: [25, 100], pause: 0"
OTHER = "release 2 is a canary, and the manifest asks for another release: `lading promote` or `lading abort` first"


@pytest.fixture
def halfway(project: Shell) -> Iterator[Shell]:
    """Release 2 is a canary with 25 % of the requests. The block has a rollout."""
    roll_out(project, STEPS)
    project("deploy")
    project.write("cost.txt", "8")
    roll_out(project, STEPS, answer=8)
    project("deploy", "--canary", "25")
    yield project
    project("delete", code=None)


def refused(project: Shell) -> str:
    """Deploy, which is refused. Returns the calls of hooks."""
    log = Path(project.env["HOOK_LOG"])
    known = log.read_text()
    assert "is a canary, and the manifest asks for another release" in project("deploy", code=3).err
    assert states(project) == ["2 canary", "1 up"]
    return log.read_text().removeprefix(known)


@pytest.mark.slow
def test_a_rollout_continues_if_nothing_has_changed(halfway: Shell) -> None:
    assert "release 2 is a canary: its rollout continues" in halfway("plan").out
    halfway("deploy")
    assert states(halfway) == ["2 up", "1 superseded"]


def test_another_model_is_refused_before_it_is_trained(halfway: Shell) -> None:
    halfway.write("cost.txt", "9")
    assert OTHER in halfway("plan").out
    assert not re.search("lading_(train|register|package)", refused(halfway))


@pytest.mark.slow
def test_other_options_are_refused_before_the_model_is_in_another_registry(halfway: Shell) -> None:
    manifest = halfway.folder / "lading.yaml"
    text = manifest.read_text().replace("register: {model: rate}", "register: {model: rate, to: [hosting]}")
    manifest.write_text(text.replace("pause: 0}", "pause: 0}, flag: grey"))
    assert OTHER in halfway("plan").out
    assert "lading_register" not in refused(halfway)
