"""A deploy from a second, empty store under the name of a running service, as on each run of a CI runner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ..model import Capability
from .base import Base, Described, MakeProject, Step
from .project import FRESH, Project


@dataclass(frozen=True)
class ReportedState:
    """The commands' report on a service from one store: its row of `lading status`, and the answer of the service."""

    row: dict[str, Any]
    answer: int | None


class FreshChecks(Base):
    """Two projects with the same service name. Neither store knows the other's releases."""

    @pytest.fixture(scope="class")
    @classmethod
    def owner(cls, make_project: MakeProject) -> tuple[Project, ReportedState]:
        """A service whose model answers 1, and what its store reports."""
        project = make_project(FRESH)
        project.write(1)
        done = project.deploy()
        if done.code != 0:
            pytest.fail(f"not reached: the first deploy failed: {done.problem}", pytrace=False)
        return project, _reported(project)

    @pytest.fixture(scope="class")
    @classmethod
    def newcomer(
        cls, make_project: MakeProject, owner: tuple[Project, ReportedState]
    ) -> tuple[Step, ReportedState, ReportedState]:
        """Another model, deployed from an empty store; what its store reports, and then the first one."""
        project = make_project(FRESH)
        project.write(2)
        step = Step(project.deploy(), project.answer())
        reported = _reported(project), _reported(owner[0])
        project.delete()  # a port that the options name is then free for the other parts of the kit
        return (step, *reported)

    def test_a_second_store_deploys_its_package(
        self, described: Described, newcomer: tuple[Step, ReportedState, ReportedState]
    ) -> None:
        """A deploy from an empty store to a running service ends with the new package, which answers."""
        step = newcomer[0]
        assert step.done.code == 0, step.done.problem
        described.need(Capability.SCORING_URI)
        assert step.answer == 2, f"it ended with 0, but the service answers {step.answer}: its new model returns 2"

    def test_both_stores_show_the_served_package(
        self,
        described: Described,
        owner: tuple[Project, ReportedState],
        newcomer: tuple[Step, ReportedState, ReportedState],
    ) -> None:
        """Afterwards, the status from each store is about the package that answers at the reported address."""
        described.need(Capability.STATUS)
        described.need(Capability.SCORING_URI)
        (_, before), (_, after, now) = owner, newcomer
        packages = {1: before.row.get("package"), 2: after.row.get("package")}
        assert packages[1] != packages[2], f"both stores report the package {packages[1]}"
        assert now.answer in packages, f"the address that the first store reports answers {now.answer}"
        assert now.row.get("package") == packages[now.answer], (
            f"the first store reports the package {now.row.get('package')}, but {packages[now.answer]} answers: "
            "read the status from the platform, not from a record of the deploy"
        )


def _reported(project: Project) -> ReportedState:
    return ReportedState(project.status(), project.answer())
