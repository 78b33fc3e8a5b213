"""The deploy stage: one idempotent step of the target after the other, golden requests, and the release's record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import Interrupted, LadingError, NotUp, OutcomeUnknown, Transient
from ..manifest import Section
from ..model import (
    Candidate,
    Capability,
    DeployRequest,
    DeployStep,
    Failed,
    GoldenRequest,
    NoScoringUri,
    Package,
    Pending,
    Ready,
    Release,
    ScoringUri,
    State,
    Verdict,
)
from . import keys
from .golden import ask_golden
from .service import Service
from .session import Session

DEPLOY_LIMIT = 1800.0  # seconds: building an image and starting a cluster's service takes many minutes
GOLDEN_LIMIT = 60.0  # seconds for one golden request

# After these the release stays pending: the same command, run again, goes on with it.
_RESUMABLE = (OutcomeUnknown, Transient, Interrupted, KeyboardInterrupt)


@dataclass(frozen=True)
class Deployed:
    """A target after its deploy; `reused` where there was nothing to do."""

    target: str
    release: Release
    uri: ScoringUri | NoScoringUri
    reused: bool


def deploy(session: Session, target: Section, package: Package, *, force: bool = False) -> Deployed:
    """Bring a package up on a target, or find that it is up already.

    Raises NotUp where the new release does not come up (the old one then still serves, or serves again), Locked where
    another command deploys the same service, and OutcomeUnknown where the time is up first.
    """
    service = Service(session, target)
    lock = f"{target.name}/{target.service_name}"
    with session.store.lock(lock, command=session.order.command, wait=session.order.lock_wait):
        key = _key(service, package)
        found = None if force else _served(service, package, key)
        if found is not None:
            return found
        session.gate("deploy", target=target.name, package_digest=package.digest)
        release = _begin(service, package, key)
        session.events.emit("stage.started", stage="deploy", target=target.name, detail=f"release {release.number}")
        return _bring_up(service, package, release)


def _key(service: Service, package: Package) -> str:
    parts = keys.section_parts(service.target, service.plugin, service.session.store)
    return keys.key("deploy", **parts, service=service.target.service_name, package=package.digest)


def _mark(release: Release) -> str:
    """Under which the store remembers the key that a release was made from."""
    return keys.key("release", service=release.service, target=release.target, number=release.number)


def _served(service: Service, package: Package, key: str) -> Deployed | None:
    """The release that is up already with this package and these options, proved by the target itself."""
    session, target = service.session, service.target
    release = session.store.releases.current(target.service_name, target.name)
    if release is None or session.store.reuse.get(_mark(release)) != key:
        return None
    status, uri = service.status(), service.scoring_uri()
    if status.state is State.UNKNOWN and isinstance(uri, ScoringUri):
        alive = ask_golden(uri.uri, session.manifest.samples, key=service.key(), timeout=GOLDEN_LIMIT).up
    else:
        alive = status.state is State.RUNNING and status.package_digest == package.digest
    if not alive:
        return None
    detail = f"release {release.number}"
    session.events.emit("stage.reused", stage="deploy", target=target.name, detail=detail, release=release.number)
    return Deployed(target.name, release, uri, reused=True)


def _begin(service: Service, package: Package, key: str) -> Release:
    """A new release, or the pending one of an interrupted command where it was to be the same."""
    session, target = service.session, service.target
    releases = session.store.releases
    for pending in releases.pending(target.service_name, target.name):
        if session.store.reuse.get(_mark(pending)) == key:
            detail = f"release {pending.number}"
            session.events.emit("progress", stage="deploy", target=target.name, phase="resuming", detail=detail)
            return pending
        releases.finish(pending, "failed", "interrupted, and not asked for again")
    release = releases.begin(target.service_name, target.name, package)
    session.store.reuse.put(_mark(release), "deploy", key)
    return release


def _bring_up(service: Service, package: Package, release: Release) -> Deployed:
    session, target = service.session, service.target
    previous = session.store.releases.current(target.service_name, target.name)
    try:
        Attempt(service, package, release).run()
    except _RESUMABLE:
        raise
    except LadingError as error:
        session.store.releases.finish(release, "failed", session.events.masked(error.message))
        session.events.emit("release.refused", stage="deploy", target=target.name, detail=error.message)
        if previous is not None and not service.plugin.can(Capability.KEEPS_OLD_RELEASE):
            _restore(service, previous)
        raise
    up = session.store.releases.finish(release, "up")
    uri = service.scoring_uri()
    address = uri.uri if isinstance(uri, ScoringUri) else None
    session.events.emit(
        "release.up",
        stage="deploy",
        target=target.name,
        detail=f"release {up.number}",
        release=up.number,
        scoring_uri=address,
    )
    return Deployed(target.name, up, uri, reused=False)


def _restore(service: Service, previous: Release) -> None:
    """Deploy the previous package again, on a target that had to give it up for the new one."""
    session, target = service.session, service.target
    version = session.store.models.get(previous.model, previous.model_version)
    package = session.store.packages.get(previous.package_digest, version) if version else None
    if package is None:
        raise NotUp(f"release {previous.number} of {target.service_name} cannot come back: its package is gone")
    release = session.store.releases.begin(target.service_name, target.name, package)
    Attempt(service, package, release, samples=()).run()
    session.store.releases.finish(release, "up")
    session.events.emit(
        "release.rolled_back",
        stage="deploy",
        target=target.name,
        detail=f"release {previous.number} serves again, as release {release.number}; it was away meanwhile",
    )


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
        self, service: Service, package: Package, release: Release, samples: Sequence[GoldenRequest] | None = None
    ) -> None:
        session = service.session
        self._service = service
        self._samples = session.manifest.samples if samples is None else samples
        self._journal = session.store.journal
        self._intents = [intent.id for intent in self._journal.open(release.service, release.target)]
        self._end = session.end(DEPLOY_LIMIT)
        self._context = service.context(self._end, journal=self._intend)
        self._request = DeployRequest(service.deployment, package, release.number, tags(service.target, package))

    def run(self) -> None:
        """Step until the release serves and has answered its golden requests; raises NotUp where it does not.

        Intents of an earlier, interrupted command are settled with this one's: the target's steps find what those did.
        """
        try:
            while not isinstance(step := self._step(), Ready):
                self._follow(step)
            if self._request.verdict is None:
                self._verify()
        except LadingError as error:
            if not isinstance(error, _RESUMABLE):
                self._settle("failed")
            raise
        self._settle("done")

    def _step(self) -> DeployStep:
        plugin = self._service.plugin
        return self._service.session.run_hook(
            "the deploy", lambda: plugin.deploy(self._request, self._context), end=self._end
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
        return NotUp(
            f"release {number} of {self._name} did not come up: {reason}{log}",
            hint="`lading logs` shows the whole log" if self._service.plugin.can(Capability.LOGS) else None,
        )

    @property
    def _name(self) -> str:
        return f"{self._service.target.service_name} on '{self._service.target.name}'"

    def _intend(self, name: str) -> None:
        target = self._service.target
        self._intents.append(self._journal.intend(target.service_name, target.name, name))

    def _settle(self, outcome: Literal["done", "failed"]) -> None:
        for intent in self._intents:
            self._journal.settle(intent, outcome)
