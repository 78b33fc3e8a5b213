"""A canary on the command line: its shares of the requests, and its ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ..engine.pipeline import DEPLOY
from ..model import Capability
from .base import Base, Described, MakeProject
from .project import CANARY, Done, Project, Requests

_WEIGHT = 30  # percent; a target may split exactly or by chance
_FEWEST, _MOST = 10, 55  # answers of the canary in 100 requests at this weight, also by chance


@dataclass
class Course:
    """What the platform did at each step: the measurements by the name of the step. `requests` were sent meanwhile.

    `problem` is set if a command failed. Then the later steps are missing.
    """

    steps: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    requests: Requests = field(default_factory=Requests)
    problem: str = ""

    def reached(self, step: str) -> Mapping[str, Any]:
        """The measurements of a step. Fails the check if the course did not come to it."""
        found = self.steps.get(step)
        if found is None or "error" in found:
            pytest.fail(f"not reached: {(found or {}).get('error', self.problem)}", pytrace=False)
        return found


class CanaryChecks(Base):
    """One service, whose stable release answers 1 and whose canary answers 2."""

    @pytest.fixture(scope="class")
    @classmethod
    def course(cls, described: Described, make_project: MakeProject) -> Course:
        """All commands of a canary, one after another."""
        described.need(Capability.TRAFFIC)
        described.need(Capability.SCORING_URI)
        project, course = make_project(CANARY), Course()
        project.write(1)
        if (done := project.deploy()).code != 0:
            pytest.fail(f"not reached: the first deploy failed: {done.problem}", pytrace=False)
        project.write(2)
        course.problem = _take(project, course)
        return course

    def test_a_canary_without_weight_gets_no_request(self, course: Course) -> None:
        """A canary with the weight 0 comes up, and gets no request."""
        found = course.reached("weight 0")
        assert _numbers(found) == {1}, f"the canary has the weight 0, and the answers are {found['answers']}"
        assert _weights(found) == [100, 0], f"the status shows the weights {_weights(found)}"

    def test_a_canary_gets_its_share(self, course: Course) -> None:
        """A canary with a weight gets about this share of the requests, and the status shows the weight."""
        found = course.reached("weight 30")
        times = found["answers"].get("2", 0)
        assert _numbers(found) == {1, 2}, f"at the weight {_WEIGHT} the answers are {found['answers']}"
        assert _FEWEST <= times <= _MOST, f"at the weight {_WEIGHT} the canary gave {times} of 100 answers"
        assert _weights(found) == [100 - _WEIGHT, _WEIGHT], f"the status shows the weights {_weights(found)}"

    def test_metrics_count_the_requests_of_each_release(self, described: Described, course: Course) -> None:
        """While two releases serve, `lading_metrics` counts the requests of each one: a rollout compares them."""
        described.need(Capability.METRICS)
        found = course.reached("weight 30")
        answers = sorted(found["answers"].values())
        assert found["counted"] == answers, (
            f"the releases answered {answers}, and the figures grew by {found['counted']}"
        )

    def test_a_share_for_an_absent_release_changes_nothing(self, course: Course) -> None:
        """If a release does not exist, `lading_shift` returns Failed and leaves the shares."""
        found = course.reached("absent")
        assert found["answer"] == "Failed", f"asked for a release that does not exist, it returned {found['answer']}"
        assert found["after"] == found["before"], f"the shares were {found['before']}, and became {found['after']}"

    def test_an_abort_leaves_the_stable_release(self, course: Course) -> None:
        """After `lading abort` the stable release answers every request, alone."""
        _alone(course.reached("aborted"), 1)

    def test_a_promoted_canary_serves_alone(self, course: Course) -> None:
        """After `lading promote` the canary answers every request, alone."""
        _alone(course.reached("promoted"), 2)

    def test_a_shift_loses_no_request(self, course: Course, record_property: Callable[[str, object], None]) -> None:
        """Requests that are sent during each of these commands are all answered."""
        course.reached("promoted")
        for name, fact in course.requests.facts.items():
            record_property(name, fact)
        lost = course.requests.failures
        assert not lost, f"{lost.total()} requests failed, the first with: {next(iter(lost))}"


def _take(project: Project, course: Course) -> str:
    """Take each step, and measure. Returns the problem of the first command that fails."""
    commands = {
        "weight 0": (DEPLOY.name, "--canary", "0"),
        "weight 30": ("traffic", "--weight", str(_WEIGHT)),
        "absent": (),
        "aborted": ("abort",),
        "again": (DEPLOY.name, "--canary", "100"),
        "promoted": ("promote",),
    }
    for step, command in commands.items():
        if command and (done := _during(project, course, *command)).code != 0:
            return f"`lading {' '.join(command)}` failed: {done.problem}"
        mode = "measure" if command else "absent"
        course.steps[step] = project.probe(mode, program="canary_probe")[1]
    return ""


def _during(project: Project, course: Course, *command: str) -> Done:
    """Run a command while requests are sent without a pause."""
    with project.asked() as requests:
        done = project.lading(*command)
    course.requests.answers.update(requests.answers)
    course.requests.failures.update(requests.failures)
    return done


def _numbers(found: Mapping[str, Any]) -> set[int]:
    return {int(number) if number.isdecimal() else -1 for number in found["answers"]}


def _weights(found: Mapping[str, Any]) -> list[int]:
    return [weight for _release, weight in found["shares"]]


def _alone(found: Mapping[str, Any], number: int) -> None:
    assert _numbers(found) == {number}, f"one release should answer, and the answers are {found['answers']}"
    assert _weights(found) == [100], f"one release should serve, and the status shows the weights {_weights(found)}"
