"""Start one release step by step, with golden requests and a journal."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import KeyNotReadable, LadingError, NotSignedIn, NotUp, OutcomeUnknown, Transient
from ...model import (
    Candidate,
    Capability,
    DeployStep,
    Failed,
    Image,
    Pending,
    Ready,
    Release,
    ScoringUri,
    State,
    Status,
    Verdict,
)
from .deploy_request import deploy_request
from .golden import ask_golden, ask_service, record_answers, seconds_left
from .log_text import once, with_originals
from .probe import Probe
from .secrets import digest
from .service import Service, Unverified, continued_after_sign_in
from .shifting import find_served

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .desired import Wanted

DEPLOY_LIMIT = 1800.0  # seconds: building an image and starting a service on a cluster takes many minutes

READY_LIMIT = 120.0  # seconds: on a small board, importing scikit-learn alone takes a minute

_SHARE = 0.8  # of the time that is left: the target needs the rest to remove the release
_ASK_AGAIN = 1.0  # seconds between two requests to a service that is not ready

# After this limit, as after an interrupt, the release stays pending. The same command, run again, continues it.
RESUMABLE = (OutcomeUnknown, Transient, NotSignedIn)


_ASKABLE = "return Candidate first, or give Served the headers that choose the release"
_PROVABLE = "declare the capability `status`, or return an address from lading_scoring_uri"


class Switched(NotUp):
    """The target switched to the release first, and then its public address refused a golden request."""


class Attempt:
    """The steps that start one release.

    `release` has the digests of the secrets that were read. `asked` tells whether the release has answered its
    `samples`, or a probe if it has none and its script takes one. The responses of `samples` may come from the release.
    """

    def __init__(
        self,
        service: Service,
        wanted: Wanted,
        release: Release,
        image: Image | None = None,
    ) -> None:
        package = wanted.package
        self._service = service
        self.release = release
        self.samples = wanted.samples
        self._recording = wanted.recording
        self._probe = None if wanted.samples else Probe.of(package)
        self.asked = False
        self._ready_by: float | None = None
        self._headers: Mapping[str, str] = {}  # of a canary that was not asked as a candidate
        self._deploy = f"the deploy of {service.name}"
        self._end = service.session.end(DEPLOY_LIMIT)
        self._context = service.context(self._end, journal=self._intend, note_secret=self._note_secret)
        self._request = deploy_request(
            service,
            package,
            release=release.number,
            release_id=release.id,
            image=image,
            beside=wanted.beside,
            force=wanted.force,
        )

    def run(self) -> None:
        """Step until the release serves, has answered its golden requests, and the target's own status confirms it.

        Raises NotUp if the release does not start, and Unverified if the target's answers contradict what it shows. It
        raises OutcomeUnknown if the credentials are not accepted.
        """
        with continued_after_sign_in():
            self._run()

    def _run(self) -> None:
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
            verdict = self._ask_candidate(step)
            if not self._is_to_be_asked_again(verdict, step.start_limit):
                self._request = replace(self._request, verdict=self._final(verdict))
            return
        self._context.progress(step.phase, step.detail)
        self._service.session.pause(step.retry_after, self._deploy, step.phase, self._end)

    def _ask_candidate(self, step: Candidate) -> Verdict:
        """The verdict of a candidate. After an error that keeps it from its requests, the target removes it first."""
        try:
            return self._ask(step.uri, step.headers)
        except RESUMABLE:
            raise
        except LadingError as error:
            self._request = replace(self._request, verdict=Verdict(up=False, reason=error.message))
            self._remove()
            raise

    def _remove(self) -> None:
        """Let the target remove a refused release. An error that the same command can pass is raised."""
        try:
            while isinstance(removing := self._step(), Pending):
                self._follow(removing)
        except RESUMABLE:
            raise
        except LadingError:
            pass  # the failure of the release is more important

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

    def _ask(self, uri: str, headers: Mapping[str, str]) -> Verdict:
        """Send the golden requests or a probe. Without any, only an answer can show that a target without a status
        serves. Without a readable key, the status counts.
        """
        try:
            endpoint = self._service.endpoint(uri, headers)
        except KeyNotReadable as error:
            if not self._shows_status:
                raise
            self._context.warn(f"release {self._request.release} is up, and was not asked: {error.message}")
            return Verdict(up=True)
        if self._probe is not None:
            self._context.progress("probe", "made from the schema, as there are no samples")
            shown = self._probe.ask(endpoint, timeout=seconds_left(self._end))
            self.asked = shown is not None and shown.up
            return shown or Verdict(up=True)
        if self._recording:
            verdict, answered = record_answers(endpoint, self.samples, end=self._end)
            if verdict.up:
                self.samples, self._recording = answered, False
        else:
            ask = ask_golden if self._shows_status else ask_service
            verdict = ask(endpoint, self.samples, end=self._end)
        self.asked = verdict.up and bool(self.samples)
        return verdict

    def _check_status(self) -> None:
        """Believe `Ready` only if the target's own status is running with this package; wait while it is pending."""
        status = self._service.settled_status(self._context, self._deploy, self._end)
        if status.state is not State.RUNNING:
            raise self._unverified(f"returned Ready, and its status is {status.state}: {status.detail}".rstrip(": "))
        digest, found = self._request.package.digest, status.package_digest
        if self._request.beside:
            found = self._beside(status)
        if found != digest:
            shown = f"package {found[:12]}" if found else "no package"
            raise self._unverified(f"returned Ready for package {digest[:12]}, and its status shows {shown}")

    def _beside(self, status: Status) -> str | None:
        """The package of the canary that a status shows. Without an earlier verdict, its headers are kept."""
        number, found = self._request.release, find_served(status, self._request.release_id)
        if found is None:
            raise self._unverified(f"returned Ready for a canary, and its status does not have release {number}")
        self._headers = found.headers
        if self._request.verdict is None and not found.headers:
            raise self._unverified("returned Ready for a canary that nothing has asked", mend=_ASKABLE)
        return found.package_digest

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
        while self._is_to_be_asked_again(verdict := self._ask(found.uri, self._headers)):
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
        if step.option:
            reason = self._service.session.at_option(self._service.target.path, step.option, reason)
        log = with_originals(self._service.session, self._request.package.folder, once(reason, step.log))
        log = f"\n{log}" if log else ""
        number = self._request.release
        return NotUp(f"release {number} of {self._service.name} did not come up: {reason}{log}", hint=self._hint(step))

    def _hint(self, step: Failed) -> str | None:
        """The hint: the release that serves now, or else the place of the log. A log that belongs to another release is
        not named.
        """
        plugin, serving = self._service.plugin, self._service.deployment.release
        if serving is not None:
            return f"release {serving} still serves" if plugin.can(Capability.KEEPS_OLD_RELEASE) else None
        return "`lading logs` shows the whole log" if plugin.can(Capability.LOGS) and not step.gone else None

    def _intend(self, name: str) -> None:
        target = self._service.target
        self._service.session.store.journal.intend(target.service_name, target.name, name)

    def _note_secret(self, name: str) -> None:
        """Record the digest of a variable at once: the target may keep its value even if this command is killed."""
        if name not in self.release.secrets:
            releases = self._service.session.store.releases
            self.release = releases.note_secret(self.release, name, digest(self._service, name))
