"""The plan that gates receive."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import LadingError
from ..pipeline import STAGES
from ..release.service import Service
from ..stages.stage import Making
from .plan import make_plan
from .plan_deploy import plan_deploy

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...model import Package, Plan
    from ..session.session import Session


class GatedPlan:
    """Plans the stages up to the package before a command's first work, and a deploy once its package is known.

    So no target is asked before its own deploy. Without `whole` the package comes from elsewhere than these stages.
    With `force` the deploy makes a release even if nothing has changed.
    """

    def __init__(self, session: Session, *, whole: bool, force: bool = False) -> None:
        self._session = session
        self._force = force
        self._stages = tuple(stage for stage in STAGES if whole and isinstance(stage, Making))

    def __call__(self, package: Package | None, target: str) -> Plan | None:
        """The plan so far; None if it cannot be made. The reason for that then ends the stage itself, not a gate."""
        before = self._before
        if before is None or package is None or not target:
            return before
        return self._plan_or_warn(lambda: self._with_deploy(before, package, target))

    @cached_property
    def _before(self) -> Plan | None:
        return self._plan_or_warn(lambda: make_plan(self._session, stages=self._stages))

    def _with_deploy(self, before: Plan, package: Package, target: str) -> Plan:
        service = Service(self._session, self._session.manifest.targets[target])
        deploy = plan_deploy(service, package, "", blind=True, force=self._force)
        return replace(before, targets=(target,), stages=(*before.stages, deploy))

    def _plan_or_warn(self, make: Callable[[], Plan]) -> Plan | None:
        try:
            return make()
        except LadingError as error:
            self._session.events.emit("warning", detail=f"the gates get no plan: {error.message}")
            return None
