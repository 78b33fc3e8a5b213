"""What users do to a service, in the order they do it, by the command line."""

from __future__ import annotations

import pytest

from ..model import Capability
from .base import Base, Described, MakeProject, Step
from .project import BROKEN, FLOW, Project


class FlowChecks(Base):
    """Each fixture is one command after the one before; the checks look at what came of it."""

    @pytest.fixture(scope="class")
    @classmethod
    def flow(cls, make_project: MakeProject) -> Project:
        """The project of this part."""
        return make_project(FLOW)

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, flow: Project) -> Step:
        """A service whose model says 1. Nothing else can be checked where it does not come up."""
        step = _deploy(flow, 1)
        if step.done.code != 0:
            pytest.fail(f"the first deploy failed: {step.done.problem}", pytrace=False)
        return step

    @pytest.fixture(scope="class")
    @classmethod
    def again(cls, flow: Project, first: Step) -> Step:
        """The same once more."""
        return Step(flow.deploy())

    @pytest.fixture(scope="class")
    @classmethod
    def updated(cls, flow: Project, again: Step) -> Step:
        """Another model."""
        return _deploy(flow, 2)

    @pytest.fixture(scope="class")
    @classmethod
    def wrong(cls, flow: Project, updated: Step) -> Step:
        """A model that does not say what its golden request expects."""
        return _deploy(flow, 3, expected=4)

    @pytest.fixture(scope="class")
    @classmethod
    def broken(cls, flow: Project, wrong: Step) -> Step:
        """A model that cannot be loaded."""
        return _deploy(flow, BROKEN)

    @pytest.fixture(scope="class")
    @classmethod
    def deleted(cls, flow: Project, described: Described, broken: Step) -> Step:
        """The service removed."""
        described.need(Capability.DELETE)
        return Step(flow.delete())

    def test_deploy_answers_a_golden_request(self, described: Described, first: Step) -> None:
        """What was deployed answers at its scoring URI."""
        described.need(Capability.SCORING_URI)
        assert first.uri, "the deploy gave no scoring URI"
        assert first.answer == 1, f"the service answers {first.answer}, and its model says 1"

    def test_deploy_again_changes_nothing(self, first: Step, again: Step) -> None:
        """The same deploy again finds the release up, at the same address."""
        assert again.done.code == 0, again.done.problem
        assert again.done.row["reused"], "the second deploy made another release of what was up already"
        assert again.uri == first.uri, f"the scoring URI became {again.uri}; it was {first.uri}"

    def test_update_keeps_the_uri(self, described: Described, first: Step, updated: Step) -> None:
        """A new release answers at the old one's scoring URI."""
        assert updated.done.code == 0, updated.done.problem
        described.need(Capability.SCORING_URI)
        assert updated.uri == first.uri, f"the scoring URI became {updated.uri}; it was {first.uri}"
        assert updated.answer == 2, f"the service answers {updated.answer}, and its new model says 2"

    def test_a_wrong_answer_keeps_what_served(self, described: Described, updated: Step, wrong: Step) -> None:
        """A release that answers its golden request wrongly is refused; what served before does again."""
        described.need(Capability.SCORING_URI)  # without an address nobody can ask
        _serves_on(described, updated, wrong)

    def test_a_failing_init_keeps_what_served(self, described: Described, wrong: Step, broken: Step) -> None:
        """A release whose init() fails does not come up; what served before does again."""
        _serves_on(described, wrong, broken)

    def test_delete_ends_the_service(self, flow: Project, updated: Step, deleted: Step) -> None:
        """After `lading delete` nothing answers at the address any more."""
        assert deleted.done.code == 0, deleted.done.problem
        for uri in {updated.uri} - {None}:
            assert not flow.answers_at(str(uri)), f"{uri} still answers"

    def test_delete_again_is_no_failure(self, flow: Project, deleted: Step) -> None:
        """To delete what is gone is done already."""
        again = flow.delete()
        assert again.code == 0, again.problem


def _deploy(project: Project, number: int, expected: int | None = None) -> Step:
    project.write(number, expected=expected)
    return Step(project.deploy(), project.answer())


def _serves_on(described: Described, before: Step, refused: Step) -> None:
    """A refused release ends with 8 and leaves the service as it was; a gap, where there must be one, is told."""
    error = refused.done.row.get("error") or {}
    assert error.get("exit_code") == 8, f"the command ended with {refused.done.problem}, and not with 8"
    assert refused.answer == before.answer, f"the service answers {refused.answer}; before it answered {before.answer}"
    if not described.can(Capability.KEEPS_OLD_RELEASE):
        told = {event["kind"] for event in refused.done.events}
        assert "release.rolled_back" in told, "nobody was told that the service may have been away meanwhile"
