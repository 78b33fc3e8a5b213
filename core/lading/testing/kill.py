"""A deploy whose process is killed: the same command goes on, and one service is what it ends with."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ..model import Capability
from .base import Base, Described, MakeProject, Step
from .project import KILL, Project
from .witness import FIRST_INTENT, FIRST_STEP, LAST_STEP


@dataclass(frozen=True)
class Killed:
    """`killed` says whether the process died where it was to; `between` is what answered then, `step` what after."""

    killed: bool
    problem: str
    between: int | None
    step: Step


class KillChecks(Base):
    """The process is killed, as by kill -9, at points that every target has."""

    @pytest.fixture(scope="class")
    @classmethod
    def creating(cls, make_project: MakeProject) -> tuple[Project, Killed]:
        """Killed as soon as the first outside effect of a first deploy is intended."""
        project = make_project(KILL)
        return project, _killed(project, 1, FIRST_INTENT)

    @pytest.fixture(scope="class")
    @classmethod
    def updating(cls, creating: tuple[Project, Killed]) -> Killed:
        """Killed after the first step of an update."""
        return _killed(creating[0], 2, FIRST_STEP)

    @pytest.fixture(scope="class")
    @classmethod
    def ending(cls, creating: tuple[Project, Killed], updating: Killed) -> Killed:
        """Killed when the target has said Ready, before the release is recorded as up."""
        return _killed(creating[0], 3, LAST_STEP)

    def test_killed_at_its_first_intent_resumes(self, described: Described, creating: tuple[Project, Killed]) -> None:
        """A deploy that is killed before its first outside effect is finished by the same command."""
        _resumed(described, creating[1], 1)

    def test_killed_after_its_first_step_resumes(self, described: Described, updating: Killed) -> None:
        """An update that is killed after its first step is finished by the same command; the old release serves on."""
        _resumed(described, updating, 2)
        if described.can(Capability.KEEPS_OLD_RELEASE) and described.can(Capability.SCORING_URI):
            assert updating.between == 1, f"meanwhile the service answered {updating.between}; the old release says 1"

    def test_killed_after_its_last_step_resumes(self, described: Described, ending: Killed) -> None:
        """An update that is killed when it is done already is found so by the same command."""
        _resumed(described, ending, 3)

    def test_killed_deploys_leave_one_service(
        self, described: Described, creating: tuple[Project, Killed], ending: Killed
    ) -> None:
        """After deploys that were killed, one delete leaves nothing that answers."""
        described.need(Capability.DELETE)
        project, killed = creating
        done = project.delete()
        assert done.code == 0, done.problem
        answering = [uri for uri in {killed.step.uri, ending.step.uri} if uri and project.answers_at(uri)]
        assert not answering, f"deleted, and still answering: {', '.join(answering)}"


def _killed(project: Project, number: int, point: str) -> Killed:
    project.write(number)
    done, seen = project.probe(point)
    between = project.answer()
    return Killed(done.code == -9, seen.get("error", ""), between, Step(project.deploy(), project.answer()))


def _resumed(described: Described, killed: Killed, number: int) -> None:
    assert killed.killed, killed.problem or "the deploy never came to that point: every effect needs `context.intend`"
    assert killed.step.done.code == 0, f"the same command did not go on: {killed.step.done.problem}"
    if described.can(Capability.SCORING_URI):
        assert killed.step.answer == number, f"the service answers {killed.step.answer}, and its model says {number}"
