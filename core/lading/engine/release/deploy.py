"""The deploy stage: find the release that already serves, or start a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ...errors import KeyNotReadable, NotUp, Refused, Transient
from ...model import NoScoringUri, Package, Release, ScoringUri, State, Status
from ...store.addresses import Addresses
from ...store.origin import mark
from ..stages import cache_keys as keys
from ..stages.stage import DEPLOY
from .desired import Wanted, inputs
from .environment import environment_of, sections, settle_for
from .moves import clear_old_places
from .secrets import rotated
from .service import Service

if TYPE_CHECKING:
    from ...model import GoldenRequest, Traffic
    from ..session.session import Session
    from .answers import GoldenChange


_LATER = "the same command asks it again; `lading status` says whether it runs"


class Deployed(NamedTuple):
    """The result of a deploy to one target. `reused` is true if the release that served before still serves.

    `traffic` is set if the release is a canary. `golden` compares its golden answers with those of the release before.
    """

    target: str
    release: Release
    uri: ScoringUri | NoScoringUri
    reused: bool
    traffic: Traffic | None = None
    golden: GoldenChange | None = None


def wanted(session: Session, package: Package, *, force: bool = False) -> Wanted:
    """A package with its golden requests: those of the manifest, or those recorded when its model was trained.

    The answers of a script of the user's own, or of another method than `predict()`, are recorded from the first
    release of a package, and hold for each later one. Unless with `force`, they must agree with those of an earlier
    script for the same model, if they have the same form. Raises Refused if recorded requests are required and the
    model has none.
    """
    manifest = session.manifest
    if not manifest.recorded:
        return Wanted(package, manifest.samples, manifest.samples_record)
    return _with_recorded(session, package, force=force)


def _with_recorded(session: Session, package: Package, *, force: bool) -> Wanted:
    from .golden import UNKNOWN, literally  # most manifests record no golden requests

    model = package.model
    if not model.samples:
        raise Refused(
            f"package.samples needs recorded golden requests, and {model.name}:{model.version} has none",
            hint="train it again with --force, or write a list of samples",
        )
    if package.answers_predict and not package.own_script:
        return Wanted(package, model.samples, tuple(map(literally, model.samples)))
    known = _answers(session, package)
    if known:
        return Wanted(package, known, tuple(map(literally, known)))
    earlier = () if force else _answers(session, package, of_model=True)
    unknown = (replace(sample, response=UNKNOWN) for sample in model.samples)
    return Wanted(package, earlier or tuple(unknown), (), recording=True)


def _answers(session: Session, package: Package, *, of_model: bool = False) -> tuple[GoldenRequest, ...]:
    """The answers of the newest release of this package, or of any of this model, to the requests of the training."""
    from .golden import accepted

    requests = [sample.request for sample in package.model.samples]
    for release in session.store.releases.list():
        same = release.model_sha256 == package.model.sha256 if of_model else release.package_digest == package.digest
        known = accepted(release, session.order.environ, lambda _unset: None) if same and release.asked else ()
        if known and [sample.request for sample in known] == requests:
            return known
    return ()


def ensure_up(service: Service, wanted: Wanted, *, force: bool = False) -> Deployed:
    """Deploy a package to a target, or find that it already serves. The caller holds the lock of the service.

    Raises NotUp if the new release does not start; then the old one still serves, or serves again. Raises Refused
    beside another store's canary, and OutcomeUnknown if the time limit passes first.
    """
    session, target, package = service.session, service.target, wanted.package
    stage_inputs = inputs(service, package)
    found = None if force else served(service, wanted, stage_inputs)
    if found is not None:
        clear_old_places(service)
        return found
    from ..session.gates import pass_gates  # loaded only if there is something to do
    from .adopting import refuse_unknown_canary
    from .answers import golden_change
    from .bring_up import bring_up

    refuse_unknown_canary(service)
    pass_gates(session, DEPLOY.name, target=target.name, made=package)
    previous, _ = current(service)
    release = bring_up(service, wanted._replace(force=force), stage_inputs)
    clear_old_places(service)
    golden = golden_change(previous, release)
    return Deployed(target.name, release, _address(service), reused=False, golden=golden)


def _address(service: Service) -> ScoringUri | NoScoringUri:
    """The scoring URI. It is recorded, so that it leads to the releases of the service."""
    found, target = service.scoring_uri(), service.target
    Addresses(service.session.store.reuse).keep(target.service_name, target.name, found)
    return found


def current(service: Service) -> tuple[Release | None, str | None]:
    """The release that serves according to the store, and its cache key."""
    session, target = service.session, service.target
    release = session.store.releases.current(target.service_name, target.name)
    return release, session.store.reuse.get(mark(release)) if release else None


def is_current(service: Service, package: Package) -> bool:
    """Whether this package serves with these options according to the store, and no release is unfinished."""
    release, key = current(service)
    return release is not None and _has_inputs(service, release, key, inputs(service, package))


def _has_inputs(service: Service, release: Release, key: str | None, stage_inputs: keys.Inputs) -> bool:
    return key == stage_inputs.key and not was_interrupted(service) and not rotated(service, release)


def settle(session: Session, package: Package) -> None:
    """Resolve the requirements of the chosen targets and the image. Targets that are already up to date are skipped.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    for target in session.targets:
        service = Service(session, target)
        if next(sections(service), None) is not None and not is_current(service, package):
            settle_for(service, package)
    if not session.targets and session.manifest.image:
        environment_of(session, session.manifest.image, package)


def was_interrupted(service: Service) -> bool:
    """Whether a release was begun but not ended. Then the target may have parts of it next to the serving release."""
    target = service.target
    return bool(service.session.store.releases.pending(target.service_name, target.name))


def serves(status: Status, uri: ScoringUri | NoScoringUri, package: Package) -> bool | None:
    """Whether the target reports that it serves a package; None if only its answers can show it."""
    if status.state is State.UNKNOWN and isinstance(uri, ScoringUri):
        return None
    return status.state is State.RUNNING and status.package_digest == package.digest and not status.changed


def served(service: Service, wanted: Wanted, stage_inputs: keys.Inputs) -> Deployed | None:
    """The release that already serves this package with these options, confirmed by the target itself."""
    release, key = current(service)
    if release is None or not _has_inputs(service, release, key, stage_inputs):
        return None
    status, uri = service.status(), _address(service)
    alive = serves(status, uri, wanted.package)
    if alive is None and isinstance(uri, ScoringUri):
        from .golden import ask_service  # most targets report the package that they serve

        alive = ask_service(service.endpoint(uri.uri), wanted.samples, end=service.session.end()).up
    if not alive:
        return None
    if isinstance(uri, ScoringUri) and is_edited(release, wanted):
        release = _ask_edited(service, wanted, release, uri.uri)
    service.emit("stage.reused", detail=f"release {release.number}", release=release.number)
    return Deployed(service.target.name, release, uri, reused=True)


def is_edited(release: Release, wanted: Wanted) -> bool:
    """Whether the golden requests differ from those that the release was accepted with."""
    return bool(wanted.samples) and (wanted.recording or wanted.record != release.golden_requests)


def _ask_edited(service: Service, wanted: Wanted, release: Release, uri: str) -> Release:
    """Ask the serving release the edited golden requests, and record them. Raises NotUp if it answers one wrongly.

    Without a readable key they are not asked, and not recorded: the next deploy tries again.
    """
    from .golden import ask_golden, literally, record_answers

    try:
        endpoint = service.endpoint(uri)
    except KeyNotReadable as error:
        what = f"release {release.number} stays up, and was not asked the changed samples: {error.message}"
        service.emit("warning", detail=what)
        return release
    end, record = service.session.end(), wanted.record
    service.emit("progress", phase="golden requests", detail=f"release {release.number}, because they have changed")
    if wanted.recording:
        verdict, answered = record_answers(endpoint, wanted.samples, end=end)
        record = tuple(map(literally, answered))
    else:
        verdict = ask_golden(endpoint, wanted.samples, end=end)
    if not verdict.answered:
        raise Transient(f"release {release.number} of {service.name} is not ready: {verdict.reason}", hint=_LATER)
    if not verdict.up:
        raise NotUp(
            f"release {release.number} of {service.name} does not answer the changed samples: {verdict.reason}",
            hint="it still serves; correct the sample, or deploy a model that answers it",
        )
    return service.session.store.releases.accept(release, record)
