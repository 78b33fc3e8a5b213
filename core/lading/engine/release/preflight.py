"""The preflight findings of the targets. Each target is queried once per command, if something changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import LadingError, StageFailed, Transient
from ...model import Capability, FindingSeverity, TargetFinding
from ..stages.stage import DEPLOY
from .foresight import refusal
from .service import Service

if TYPE_CHECKING:
    from ..session.session import Session


@dataclass(frozen=True)
class Preflight:
    """The findings of one target, each at its line of the manifest. `error` is the reason if the check failed."""

    target: str
    findings: tuple[TargetFinding, ...] = ()
    error: LadingError | None = None

    @property
    def failure(self) -> LadingError | None:
        """Why a deploy to the target would fail; None if no problem was found."""
        errors = [found for found in self.findings if found.severity is FindingSeverity.ERROR]
        if self.error is not None or not errors:
            return self.error
        return StageFailed("\n".join(found.message for found in errors), hint=errors[0].hint)


def look(service: Service) -> Preflight:
    """Ask a target which problems would stop a deploy. It changes nothing."""
    target = service.target.name
    if not service.plugin.can(Capability.PREFLIGHT):
        return Preflight(target)
    try:
        found = service.preflight().findings
    except LadingError as error:
        service.session.events.redact_failure(error)
        return Preflight(target, error=error)
    return Preflight(target, tuple(map(service.placed, found)))


class LookAhead:
    """Checks the chosen targets before a command's first work, and reports the findings."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, LadingError | None] = {}

    def __call__(self, target: str) -> None:
        """Raise the failure of a target. Without a name, raise the first failure if every target has one."""
        names = (target,) if target else tuple(self._session.manifest.targets)
        failures = [self._failure(name) for name in names]
        if failures and failures[0] is not None and all(failures):
            raise failures[0]

    def _failure(self, name: str) -> LadingError | None:
        if name in self._known:
            return self._known[name]
        service = Service(self._session, self._session.manifest.targets[name])
        failure = _refusal(service) or self._looked(service)
        if not isinstance(failure, Transient):  # a transient failure may be over when this target is deployed
            self._known[name] = failure
        return failure

    def _looked(self, service: Service) -> LadingError | None:
        found = look(service)
        self._report(found)
        return found.failure

    def _report(self, found: Preflight) -> None:
        emit = self._session.events.of(DEPLOY.name, found.target)
        for finding in found.findings:
            if finding.severity is FindingSeverity.WARNING:
                emit("warning", detail=finding.message)
            elif finding.severity is FindingSeverity.INFO:
                emit("progress", phase="preflight", detail=finding.message)


def _refusal(service: Service) -> LadingError | None:
    """Why the plan of a target refuses the change, or why it failed."""
    try:
        return refusal(service)
    except LadingError as error:
        service.session.events.redact_failure(error)
        return error
