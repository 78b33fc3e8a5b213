"""Start one release step by step, with golden requests and a journal."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import KeyNotReadable, LadingError, NotUp, OutcomeUnknown, Transient
from ...model import (
    Candidate,
    Capability,
    DeployRequest,
    DeployStep,
    Failed,
    Image,
    Package,
    Pending,
    Ready,
    Release,
    ScoringUri,
    State,
    Verdict,
)
from .environment import environment_of
from .golden import ask_golden, ask_service, record_answers, seconds_left
from .log_text import once, with_originals
from .probe import Probe
from .service import Service, Unverified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...manifest import Section
    from ...model import Json
    from ..session.session import Session
    from .desired import Wanted

DEPLOY_LIMIT = 1800.0  # seconds: building an image and starting a service on a cluster takes many minutes

READY_LIMIT = 120.0  # seconds: on a small board, importing scikit-learn alone takes a minute

_SHARE = 0.8  # of the time that is left: the target needs the rest to remove the release
_ASK_AGAIN = 1.0  # seconds between two requests to a service that is not ready

# After this limit, as after an interrupt, the release stays pending. The same command, run again, continues it.
RESUMABLE = (OutcomeUnknown, Transient)


_PROVABLE = "declare the capability `status`, or return an address from lading_scoring_uri"


class Switched(NotUp):
    """The target switched to the release first, and then its public address refused a golden request."""


def tags(target: Section, package: Package, release: Release) -> dict[str, str]:
    """Tags that mark an object on a target as ours, with its package and its release."""
    return {
        "lading.service": target.service_name,
        "lading.target": target.name,
        "lading.package": package.digest,
        "lading.model": package.model.sha256,
        "lading.release": str(release.number),
        "lading.release-id": release.id,
    }


class Attempt:
    """The steps that start one release.

    `asked` tells whether the release has answered its `samples`, or a probe if it has none and its script takes one.
    The responses of `samples` may come from the release.
    """

    def __init__(
        self,
        service: Service,
        wanted: Wanted,
        release: Release,
        image: Image | None = None,
    ) -> None:
        session, package = service.session, wanted.package
        self._service = service
        self.samples = wanted.samples
        self._recording = wanted.recording
        self._probe = None if wanted.samples else Probe.of(package)
        self.asked = False
        self._ready_by: float | None = None
        self._deploy = f"the deploy of {service.name}"
        self._end = session.end(DEPLOY_LIMIT)
        self._context = service.context(self._end, journal=self._intend)
        marks = tags(service.target, package, release)
        environment = environment_of(session, service.target, package)
        self._request = DeployRequest(
            deployment=service.deployment,
            package=package,
            release=release.number,
            release_id=release.id,
            tags=marks,
            image=image,
            environment=environment,
            metrics=_metrics(session, package),
        )

    @property
    def read(self) -> frozenset[str]:
        """The names of the variables that the target has read."""
        return frozenset(self._context.read)

    def run(self) -> None:
        """Step until the release serves, has answered its golden requests, and the target's own status confirms it.

        Raises NotUp if the release does not start, and Unverified if the target's answers contradict what it shows.
        """
        self._service.session.store.models.check(self._request.package.model)
        while not isinstance(step := self._step(), Ready):
            self._follow(step)
        try:
            self._verify()
        except (*RESUMABLE, NotUp, Unverified):
            raise
        except LadingError as error:
            raise Unverified(error.message, hint=error.hint) from error

    def _verify(self) -> None:
        """Ask the target for its status. Send golden requests to the service unless another check covers them."""
        if self._shows_status:
            self._check_status()
        if self._request.verdict is None or not self._shows_status:
            self._ask_public_uri()

    @property
    def _shows_status(self) -> bool:
        return self._service.plugin.can(Capability.STATUS)

    def _step(self) -> DeployStep:
        plugin = self._service.plugin
        step: DeployStep = self._service.session.run_hook(
            plugin, "lading_deploy", lambda: plugin.deploy(self._request, self._context), end=self._end
        )
        verdict = self._request.verdict
        if verdict is not None and not verdict.up and isinstance(step, Ready | Candidate):
            raise self._unverified(f"returned {type(step).__name__} after a refused verdict: {verdict.reason}")
        return step

    def _follow(self, step: Pending | Candidate | Failed) -> None:
        if isinstance(step, Failed):
            raise self._not_up(step)
        if isinstance(step, Candidate):
            if self.samples:
                self._context.progress("golden requests")
            verdict = self._ask(step.uri)
            if not self._is_to_be_asked_again(verdict, step.start_limit):
                self._request = replace(self._request, verdict=self._final(verdict))
            return
        self._context.progress(step.phase, step.detail)
        self._service.session.pause(step.retry_after, self._deploy, step.phase, self._end)

    def _is_to_be_asked_again(self, verdict: Verdict, limit: float | None = None) -> bool:
        """Whether a release is not ready and has time left. Then a pause follows."""
        if verdict.answered:
            return False
        now = time.monotonic()
        if self._ready_by is None:
            left = READY_LIMIT if limit is None else limit
            self._ready_by = now + (left if self._end is None else min(left, _SHARE * (self._end - now)))
        if now + _ASK_AGAIN >= self._ready_by:
            return False
        self._context.progress("waiting until it answers", verdict.reason)
        self._service.session.pause(_ASK_AGAIN, self._deploy, "it is not ready", self._end)
        return True

    @staticmethod
    def _final(verdict: Verdict) -> Verdict:
        """The verdict for the target. A release that did not get ready in time has given no wrong answer."""
        if verdict.answered:
            return verdict
        return replace(verdict, reason=f"it was not ready in time: {verdict.reason}")

    def _ask(self, uri: str) -> Verdict:
        """Send the golden requests or a probe. Without any, only an answer can show that a target without a status
        serves. Without a readable key, the status counts.
        """
        try:
            key = self._service.key()
        except KeyNotReadable as error:
            if not self._shows_status:
                raise
            self._context.warn(f"release {self._request.release} is up, and was not asked: {error.message}")
            return Verdict(up=True)
        if self._probe is not None:
            self._context.progress("probe", "made from the schema, as there are no samples")
            shown = self._probe.ask(uri, key=key, timeout=seconds_left(self._end))
            self.asked = shown is not None and shown.up
            return shown or Verdict(up=True)
        if self._recording:
            verdict, answered = record_answers(uri, self.samples, key=key, end=self._end)
            if verdict.up:
                self.samples, self._recording = answered, False
        else:
            ask = ask_golden if self._shows_status else ask_service
            verdict = ask(uri, self.samples, key=key, end=self._end)
        self.asked = verdict.up and bool(self.samples)
        return verdict

    def _check_status(self) -> None:
        """Believe `Ready` only if the target's own status is running with this package; wait while it is pending."""
        status = self._service.settled_status(self._context, self._deploy, self._end)
        if status.state is not State.RUNNING:
            raise self._unverified(f"returned Ready, and its status is {status.state}: {status.detail}".rstrip(": "))
        digest = self._request.package.digest
        if status.package_digest != digest:
            shown = f"package {status.package_digest[:12]}" if status.package_digest else "no package"
            raise self._unverified(f"returned Ready for package {digest[:12]}, and its status shows {shown}")

    def _ask_public_uri(self) -> None:
        """Send golden requests to the public address, if none were sent before or only these answers prove that it
        serves.
        """
        found = self._service.scoring_uri()
        if not isinstance(found, ScoringUri):
            if self._shows_status:
                return
            what = f"returned Ready, and it has neither a status nor a scoring URI: {found.reason}"
            raise self._unverified(what, mend=_PROVABLE)
        while self._is_to_be_asked_again(verdict := self._ask(found.uri)):
            pass
        verdict = self._final(verdict)
        if verdict.up:
            return
        if not self.samples and self._probe is None:
            raise self._unverified(f"returned Ready, and {verdict.reason}")
        if self._request.verdict is not None:
            raise self._unverified(f"returned Ready, and {found.uri} does not serve the release: {verdict.reason}")
        refused = self._not_up(Failed(reason=verdict.reason))
        raise Switched(refused.message, hint=refused.hint)

    def _unverified(self, what: str, mend: str = "") -> Unverified:
        subject = f"release {self._request.release} of {self._service.name} is not up"
        return self._service.unverified(subject, what, mend)

    def _not_up(self, step: Failed) -> NotUp:
        verdict = self._request.verdict
        reason = verdict.reason if verdict and not verdict.up else step.reason
        log = with_originals(self._service.session, self._request.package.folder, once(reason, step.log))
        log = f"\n{log}" if log else ""
        number = self._request.release
        return NotUp(f"release {number} of {self._service.name} did not come up: {reason}{log}", hint=self._hint())

    def _hint(self) -> str | None:
        """The hint: the release that serves now, or else the place of the log. A log that belongs to another release is
        not named.
        """
        plugin, serving = self._service.plugin, self._service.deployment.release
        if serving is not None:
            return f"release {serving} still serves" if plugin.can(Capability.KEEPS_OLD_RELEASE) else None
        return "`lading logs` shows the whole log" if plugin.can(Capability.LOGS) else None

    def _intend(self, name: str) -> None:
        target = self._service.target
        self._service.session.store.journal.intend(target.service_name, target.name, name)


def _metrics(session: Session, package: Package) -> Mapping[str, Json]:
    run = session.store.runs.get(package.model.run) if package.model.run else None
    return run.metrics if run else {}
