"""The objects on the platform after each command, found by the fixture `things_of` without the plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from ..model import Capability
from .base import Described, Step
from .flow import FlowChecks
from .kill import KillChecks, Killed
from .platform import Platform, Things, more, seen
from .project import Done, Project

Record = Callable[[str, object], None]


class FlowThings(FlowChecks):
    """The commands of the flow, and the objects that each leaves on the platform."""

    def test_things_of_sees_the_service(self, before: Things | None, first: Step, record_property: Record) -> None:
        """The fixture `things_of` finds nothing before the first deploy, and something while the service runs."""
        up = seen(first.things, "the platform agrees with the plugin")
        _show(record_property, before=before, up=up)
        assert not before, f"before the first deploy it finds {', '.join(before or ())}"
        assert up, "it finds nothing for a service that is up: it looks in the wrong place"

    def test_deploying_twice_creates_nothing(self, first: Step, again: Step, record_property: Record) -> None:
        """The same deploy again does not change the existing objects."""
        after = seen(again.things, "the same deploy again creates nothing")
        _show(record_property, before=first.things, after=after)
        assert after == first.things, f"the same deploy again made {more(after, first.things or ())}"

    def test_an_update_leaves_no_earlier_release(self, first: Step, updated: Step, record_property: Record) -> None:
        """After an update there are as many objects as after the first deploy, plus those that the target documents it
        keeps.
        """
        after = seen(updated.things, "no earlier release or candidate is left after an update")
        _show(record_property, before=first.things, after=after)
        most = len(first.things or ()) + self.earlier_things
        assert len(after) <= most, f"there were {len(first.things or ())} things; now there are {', '.join(after)}"

    def test_a_refused_update_leaves_no_candidate(
        self, described: Described, updated: Step, wrong: Step, broken: Step, record_property: Record
    ) -> None:
        """After a refused release, the earlier objects exist and no others."""
        after = seen(broken.things, "no candidate is left after a refused update")
        _show(record_property, before=updated.things, answered_wrongly=wrong.things, failing_init=after)
        self._unchanged(described, updated, wrong, "answered wrongly")
        self._unchanged(described, wrong, broken, "failed in init()")

    def test_delete_leaves_nothing(self, updated: Step, deleted: Step, record_property: Record) -> None:
        """After `lading delete`, no object of the service is left: no endpoint, model or image of any release."""
        after = seen(deleted.things, "nothing is left after a delete")
        _show(record_property, before=updated.things, after=after)
        assert not after, f"deleted, but it still exists: {', '.join(after)}"

    def _unchanged(self, described: Described, before: Step, refused: Step, why: str) -> None:
        known, after = before.things or (), refused.things or ()
        most = len(known) + self.earlier_things
        assert len(after) <= most, f"a release that {why} left {more(after, known)}"
        if described.can(Capability.KEEPS_OLD_RELEASE):  # otherwise the old package was deployed again, as new objects
            gone = Counter(known) - Counter(after)
            assert gone.total() <= self.earlier_things, f"a release that {why} removed {more(known, after)}"


class KillThings(KillChecks):
    """The killed and resumed commands, and the objects that they leave on the platform."""

    @pytest.fixture(scope="class")
    @classmethod
    def undisturbed(cls, creating: tuple[Project, Killed], platform: Platform, ended: Done) -> Things | None:
        """The objects after one deploy that was not killed."""
        project = creating[0]
        if platform.things_of is None:
            return None
        project.write(4)
        done = project.deploy()
        if done.code != 0:
            pytest.fail(f"not reached: after the delete a deploy failed: {done.problem}", pytrace=False)
        return platform.look(project.service)

    def test_killed_deploys_duplicate_nothing(
        self,
        creating: tuple[Project, Killed],
        updating: Killed,
        ending: Killed,
        undisturbed: Things | None,
        record_property: Record,
    ) -> None:
        """After a killed and resumed deploy, there are no more objects than after an undisturbed one."""
        usual = seen(undisturbed, "killed and resumed deploys create nothing twice")
        deploys = {"creating": creating[1], "updating": updating, "ending": ending}
        for earlier, (name, killed) in enumerate(deploys.items()):
            resumed = killed.step.things or ()
            _show(record_property, **{f"{name}_killed": killed.things, f"{name}_resumed": resumed})
            most = len(usual) + earlier * self.earlier_things
            assert len(resumed) <= most, (
                f"{name}: a usual deploy leaves {len(usual)} things, but this one left {', '.join(resumed)}"
            )


def _show(record_property: Record, **moments: Things | None) -> None:
    """Add the observed objects at each moment to the card."""
    for moment, things in moments.items():
        record_property(moment.replace("_", " "), things)
