"""The parts of a session that only some commands load: the look at the targets, and the plan for the gates."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engine.plan.gated import GatedPlan
    from ..engine.release.preflight import LookAhead
    from ..engine.session.session import Session
    from ..model import Package
    from ..model.planning import Plan


def looking_ahead(session: Session) -> Callable[[str], None]:
    """Asks the targets which problems would stop the deploy. A deploy with nothing to do does not load it."""

    @cache
    def known() -> LookAhead:
        from ..engine.release.preflight import LookAhead

        return LookAhead(session)

    def look_ahead(target: str) -> None:
        known()(target)

    return look_ahead


def gated_plan(session: Session, *, whole: bool, force: bool = False) -> Callable[[Package | None, str], Plan | None]:
    """Makes the plan for the gates. A command without gates loads nothing of it."""

    @cache
    def known() -> GatedPlan:
        from ..engine.plan.gated import GatedPlan

        return GatedPlan(session, whole=whole, force=force)

    def plan(package: Package | None, target: str) -> Plan | None:
        return known()(package, target)

    return plan
