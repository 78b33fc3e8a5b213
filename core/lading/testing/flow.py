"""The actions of a user on a service, in their usual order, on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ..model import Capability
from .base import Base, Described, MakeProject, Step
from .platform import Platform, Things
from .project import BROKEN, FLOW, Project


class FlowChecks(Base):
    """Each fixture is one command after the previous one. The checks examine the results."""

    @pytest.fixture(scope="class")
    @classmethod
    def flow(cls, make_project: MakeProject) -> Project:
        """The project of this part."""
        return make_project(FLOW)

    @pytest.fixture(scope="class")
    @classmethod
    def before(cls, flow: Project, platform: Platform) -> Things | None:
        """The objects on the platform before the first deploy."""
        return platform.look(flow.service)

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, flow: Project, platform: Platform, before: Things | None) -> Step:
        """A service whose model answers 1. Without it, no other check can run."""
        step = replace(_deploy(flow, 1), things=platform.look(flow.service))
        if step.done.code != 0:
            pytest.fail(f"the first deploy failed: {step.done.problem}", pytrace=False)
        return step

    @pytest.fixture(scope="class")
    @classmethod
    def again(cls, flow: Project, platform: Platform, first: Step) -> Step:
        """The same deploy again."""
        return Step(flow.deploy(), things=platform.look(flow.service, lambda things: things == first.things))

    @pytest.fixture(scope="class")
    @classmethod
    def updated(cls, flow: Project, described: Described, platform: Platform, first: Step, again: Step) -> Step:
        """A deploy of another model, while requests are sent without a pause."""
        most = len(first.things or ()) + cls.earlier_things
        step = _deploy_asked(described, flow, 2)
        return replace(step, things=platform.look(flow.service, lambda things: len(things) <= most))

    @pytest.fixture(scope="class")
    @classmethod
    def wrong(cls, flow: Project, described: Described, platform: Platform, updated: Step) -> Step:
        """A deploy of a model whose answer differs from its golden request, while requests are sent without a pause."""
        most = len(updated.things or ()) + cls.earlier_things
        step = _deploy_asked(described, flow, 3, expected=4)
        return replace(step, things=platform.look(flow.service, lambda things: len(things) <= most))

    @pytest.fixture(scope="class")
    @classmethod
    def broken(cls, flow: Project, platform: Platform, wrong: Step) -> Step:
        """A deploy of a model that cannot be loaded."""
        most = len(wrong.things or ()) + cls.earlier_things
        step = _deploy(flow, BROKEN)
        return replace(step, things=platform.look(flow.service, lambda things: len(things) <= most))

    @pytest.fixture(scope="class")
    @classmethod
    def deleted(cls, flow: Project, described: Described, platform: Platform, broken: Step) -> Step:
        """The service after `lading delete`."""
        described.need(Capability.DELETE)
        return Step(flow.delete(), things=platform.look(flow.service, lambda things: not things))

    def test_deploy_answers_a_golden_request(self, described: Described, first: Step) -> None:
        """A deployed service answers at its scoring URI."""
        described.need(Capability.SCORING_URI)
        assert first.uri, "the deploy gave no scoring URI"
        assert first.answer == 1, f"the service answers {first.answer}, but its model returns 1"

    def test_deploying_twice_changes_nothing(self, first: Step, again: Step) -> None:
        """The same deploy again finds the release running, at the same address."""
        assert again.done.code == 0, again.done.problem
        assert again.done.row["reused"], "the second deploy made another release, although the same one was up"
        assert again.uri == first.uri, f"the scoring URI became {again.uri}; it was {first.uri}"

    def test_update_keeps_the_uri(self, described: Described, first: Step, updated: Step) -> None:
        """A new release answers at the old one's scoring URI."""
        assert updated.done.code == 0, updated.done.problem
        described.need(Capability.SCORING_URI)
        assert updated.uri == first.uri, f"the scoring URI became {updated.uri}; it was {first.uri}"
        assert updated.answer == 2, f"the service answers {updated.answer}, but its new model returns 2"

    def test_an_update_loses_no_request(
        self, described: Described, updated: Step, record_property: Callable[[str, object], None]
    ) -> None:
        """While a new release takes over, each request is answered by the old release or the new one."""
        _none_lost(described, updated, {1, 2}, record_property)

    def test_a_refused_update_loses_no_request(
        self, described: Described, wrong: Step, record_property: Callable[[str, object], None]
    ) -> None:
        """While a release is tried and refused, each request is answered by the old release."""
        _none_lost(described, wrong, {2}, record_property)

    def test_a_wrong_answer_keeps_the_old_release(self, described: Described, updated: Step, wrong: Step) -> None:
        """A release with a wrong answer to its golden request is refused. The previous release serves again."""
        described.need(Capability.SCORING_URI)  # without an address, no request can be sent
        _serves_on(described, updated, wrong)

    def test_a_failing_init_keeps_the_old_release(self, described: Described, wrong: Step, broken: Step) -> None:
        """A release whose init() fails does not start. The previous release serves again."""
        _serves_on(described, wrong, broken)

    def test_delete_ends_the_service(self, flow: Project, updated: Step, deleted: Step) -> None:
        """After `lading delete`, no service answers at the address."""
        assert deleted.done.code == 0, deleted.done.problem
        for uri in {updated.uri} - {None}:
            assert not flow.answers_at(str(uri)), f"{uri} still answers"

    def test_deleting_twice_succeeds(self, flow: Project, deleted: Step) -> None:
        """Deleting a service that does not exist succeeds."""
        again = flow.delete()
        assert again.code == 0, again.problem


def _deploy(project: Project, number: int, expected: int | None = None) -> Step:
    project.write(number, expected=expected)
    return Step(project.deploy(), project.answer())


def _deploy_asked(described: Described, project: Project, number: int, expected: int | None = None) -> Step:
    """Like `_deploy`. If the target keeps the old release, requests are sent during the deploy without a pause."""
    if not (described.can(Capability.KEEPS_OLD_RELEASE) and described.can(Capability.SCORING_URI)):
        return _deploy(project, number, expected)
    with project.asked() as requests:
        step = _deploy(project, number, expected)
    return replace(step, requests=requests)


def _none_lost(
    described: Described, step: Step, expected: set[int], record_property: Callable[[str, object], None]
) -> None:
    """Check that all requests during a step were answered by a release that may serve then."""
    described.need(Capability.KEEPS_OLD_RELEASE)
    described.need(Capability.SCORING_URI)
    assert step.requests is not None
    for name, fact in step.requests.facts.items():
        record_property(name, fact)
    if gap := described.seen["switch_gap"]:
        pytest.skip(f"declares a gap at the switch, so lost requests cannot be excluded: {gap}")
    lost = step.requests.failures
    assert not lost, f"{lost.total()} requests failed, the first with: {next(iter(lost))}"
    strange = set(step.requests.answers) - set(map(str, expected))
    assert not strange, f"a model answered at a time when it must not serve: {', '.join(sorted(strange))}"


def _serves_on(described: Described, before: Step, refused: Step) -> None:
    """Check that a refused release ends with 8 and does not change the service. An unavoidable gap is reported."""
    error = refused.done.row.get("error") or {}
    assert error.get("exit_code") == 8, f"the command ended with {refused.done.problem}, and not with 8"
    assert refused.answer == before.answer, f"the service answers {refused.answer}; before it answered {before.answer}"
    told = {event["kind"] for event in refused.done.events}
    if described.can(Capability.KEEPS_OLD_RELEASE):
        assert "release.rolled_back" not in told, "the target stopped the old release, and Lading deployed it again"
    else:
        assert "release.rolled_back" in told, "no warning says that the service may have been away meanwhile"
