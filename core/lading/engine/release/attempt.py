"""One release on its way to being up: step by step, with golden requests and a journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import Interrupted, NotUp, OutcomeUnknown, Transient
from ...model import (
    Candidate,
    Capability,
    DeployRequest,
    DeployStep,
    Failed,
    GoldenRequest,
    Image,
    Package,
    Pending,
    Ready,
    Release,
    ScoringUri,
    Verdict,
)
from .environment import environment_of
from .golden import GOLDEN_LIMIT, ask_golden

if TYPE_CHECKING:
    from ...manifest import Section
    from .service import Service

DEPLOY_LIMIT = 1800.0  # seconds: building an image and starting a cluster's service takes many minutes

# After these the release stays pending: the same command, run again, goes on with it.
RESUMABLE = (OutcomeUnknown, Transient, Interrupted)


def tags(target: Section, package: Package) -> dict[str, str]:
    """What marks a thing on a target as ours, and says which package it is."""
    return {
        "lading.service": target.service_name,
        "lading.target": target.name,
        "lading.package": package.digest,
        "lading.model": package.model.sha256,
    }


class Attempt:
    """The steps of one release towards being up."""

    def __init__(
        self,
        service: Service,
        package: Package,
        release: Release,
        samples: Sequence[GoldenRequest],
        image: Image | None = None,
    ) -> None:
        session = service.session
        self._service = service
        self._samples = samples
        self._end = session.end(DEPLOY_LIMIT)
        self._context = service.context(self._end, journal=self._intend)
        marks = tags(service.target, package)
        environment = environment_of(session, service.target, package)
        self._request = DeployRequest(
            service.deployment, package, release.number, marks, image=image, environment=environment
        )

    def run(self) -> None:
        """Step until the release serves and has answered its golden requests; raises NotUp where it does not."""
        self._service.session.store.models.check(self._request.package.model)
        while not isinstance(step := self._step(), Ready):
            self._follow(step)
        if self._request.verdict is None:
            self._verify()

    def _step(self) -> DeployStep:
        plugin = self._service.plugin
        return self._service.session.run_hook(
            plugin, "lading_deploy", lambda: plugin.deploy(self._request, self._context), end=self._end
        )

    def _follow(self, step: Pending | Candidate | Failed) -> None:
        if isinstance(step, Failed):
            raise self._not_up(step)
        if isinstance(step, Candidate):
            self._context.progress("golden requests")
            self._request = replace(self._request, verdict=self._ask(step.uri))
            return
        self._context.progress(step.phase, step.detail)
        self._service.session.pause(step.retry_after, f"the deploy of {self._name}", step.phase, self._end)

    def _ask(self, uri: str) -> Verdict:
        return ask_golden(uri, self._samples, key=self._service.key(), timeout=GOLDEN_LIMIT)

    def _verify(self) -> None:
        """Ask where the release serves, on a target that has no place to ask before."""
        found = self._service.scoring_uri()
        if isinstance(found, ScoringUri):
            verdict = self._ask(found.uri)
            if not verdict.up:
                raise self._not_up(Failed(verdict.reason))

    def _not_up(self, step: Failed) -> NotUp:
        verdict = self._request.verdict
        reason = verdict.reason if verdict and not verdict.up else step.reason
        log = f"\n{step.log}" if step.log else ""
        number = self._request.release
        return NotUp(f"release {number} of {self._name} did not come up: {reason}{log}", hint=self._hint())

    def _hint(self) -> str | None:
        """What serves now, or else where the log is: that of what serves is another one."""
        plugin, serving = self._service.plugin, self._service.deployment.release
        if serving is not None:
            return f"release {serving} still serves" if plugin.can(Capability.KEEPS_OLD_RELEASE) else None
        return "`lading logs` shows the whole log" if plugin.can(Capability.LOGS) else None

    @property
    def _name(self) -> str:
        return f"{self._service.target.service_name} on '{self._service.target.name}'"

    def _intend(self, name: str) -> None:
        target = self._service.target
        self._service.session.store.journal.intend(target.service_name, target.name, name)
