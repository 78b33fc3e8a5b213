"""Kill the process of a deploy. The same command then continues it, and one service remains."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest

from ..model import Capability
from .base import Base, Described, MakeProject, Step
from .platform import Platform, Things
from .project import KILL, Done, Project
from .witness import FIRST_INTENT, FIRST_STEP, LAST_STEP


@dataclass(frozen=True)
class Killed:
    """A killed command: `killed` shows whether the process died at the intended point.

    `between` is the answer after the kill, and `step` is the next command. `things` are the objects on the platform
    after the process died.
    """

    killed: bool
    problem: str
    between: int | None
    step: Step
    things: Things | None


class KillChecks(Base):
    """The process is killed with SIGKILL at points that every target has."""

    @pytest.fixture(scope="class")
    @classmethod
    def creating(cls, make_project: MakeProject, platform: Platform) -> tuple[Project, Killed]:
        """A first deploy, killed as soon as its first outside effect is intended."""
        project = make_project(KILL)
        return project, _killed(project, platform, 1, FIRST_INTENT)

    @classmethod
    def _most(cls, creating: Killed, updates: int) -> int:
        """The maximum number of objects after that many updates."""
        return len(creating.step.things or ()) + updates * cls.earlier_things

    @pytest.fixture(scope="class")
    @classmethod
    def updating(cls, creating: tuple[Project, Killed], platform: Platform) -> Killed:
        """An update, killed after its first step."""
        return _killed(creating[0], platform, 2, FIRST_STEP, most=cls._most(creating[1], 1))

    @pytest.fixture(scope="class")
    @classmethod
    def ending(cls, creating: tuple[Project, Killed], platform: Platform, updating: Killed) -> Killed:
        """An update, killed after the target returned Ready and before the release is recorded."""
        return _killed(creating[0], platform, 3, LAST_STEP, most=cls._most(creating[1], 2))

    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, described: Described, creating: tuple[Project, Killed], ending: Killed) -> Done:
        """The service after `lading delete`."""
        described.need(Capability.DELETE)
        return creating[0].delete()

    def test_killed_at_its_first_intent_resumes(self, described: Described, creating: tuple[Project, Killed]) -> None:
        """A deploy that was killed before its first outside effect is completed by the same command."""
        _resumed(described, creating[1], 1)

    def test_killed_after_its_first_step_resumes(self, described: Described, updating: Killed) -> None:
        """An update that was killed after its first step is completed by the same command. The old release still
        serves.
        """
        _resumed(described, updating, 2)
        if described.can(Capability.KEEPS_OLD_RELEASE) and described.can(Capability.SCORING_URI):
            assert updating.between == 1, f"after the kill it answered {updating.between}, not 1 as the old release"

    def test_killed_after_its_last_step_resumes(self, described: Described, ending: Killed) -> None:
        """An update that was killed after its last step is recognized as complete by the same command."""
        _resumed(described, ending, 3)

    def test_killed_deploys_leave_one_service(
        self, creating: tuple[Project, Killed], ending: Killed, ended: Done
    ) -> None:
        """After killed deploys, one delete leaves no service that answers."""
        project, killed = creating
        assert ended.code == 0, ended.problem
        answering = [uri for uri in {killed.step.uri, ending.step.uri} if uri and project.answers_at(uri)]
        assert not answering, f"deleted, but it still answers: {', '.join(answering)}"


def _killed(project: Project, platform: Platform, number: int, point: str, most: float = math.inf) -> Killed:
    project.write(number)
    done, seen = project.probe(point)
    between, things = project.answer(), platform.look(project.service)
    resumed = Step(project.deploy(), project.answer())
    step = replace(resumed, things=platform.look(project.service, lambda found: len(found) <= most))
    return Killed(done.code == -9, seen.get("error", ""), between, step, things)


def _resumed(described: Described, killed: Killed, number: int) -> None:
    assert killed.killed, killed.problem or "the deploy did not reach that point: every effect needs `context.intend`"
    assert killed.step.done.code == 0, f"the same command did not continue: {killed.step.done.problem}"
    if described.can(Capability.SCORING_URI):
        assert killed.step.answer == number, f"the service answers {killed.step.answer}, but its model returns {number}"
