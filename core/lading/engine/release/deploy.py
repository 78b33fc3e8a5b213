"""The deploy stage: the release that is up already, or a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import Refused
from ...model import NoScoringUri, Package, Release, ScoringUri, State, Status
from ..stages import cache_keys as keys
from .desired import Wanted, inputs, mark
from .environment import environment_of, sections, settle_for
from .golden import GOLDEN_LIMIT, ask_golden, literally
from .service import Service

if TYPE_CHECKING:
    from ...manifest import Section
    from ..session.session import Session


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
    with service.locked():
        return ensure_up(service, wanted(session, package), force=force)


def wanted(session: Session, package: Package) -> Wanted:
    """A package, with the golden requests that the manifest gives, or has had recorded when its model was trained.

    Raises Refused where these are wanted and the model has none.
    """
    manifest, model = session.manifest, package.model
    if not manifest.recorded:
        return Wanted(package, manifest.samples, manifest.samples_record)
    if not model.samples:
        raise Refused(
            f"no golden requests were recorded of {model.name}:{model.version}, and package.samples asks for them",
            hint="train it again with --force, or write a list of samples",
        )
    return Wanted(package, model.samples, tuple(map(literally, model.samples)))


def ensure_up(service: Service, wanted: Wanted, *, force: bool = False) -> Deployed:
    """The same, for whoever holds the service's lock."""
    session, target, package = service.session, service.target, wanted.package
    made_from = inputs(service, package)
    found = None if force else _served(service, wanted, made_from)
    if found is not None:
        return found
    session.gate("deploy", target=target.name, package_digest=package.digest)
    from .bring_up import bring_up  # loaded only if there is something to do

    release = bring_up(service, wanted, made_from)
    return Deployed(target.name, release, service.scoring_uri(), reused=False)


def current(service: Service) -> tuple[Release | None, str | None]:
    """The release that is up, as the store believes, and the key that it was made from."""
    session, target = service.session, service.target
    release = session.store.releases.current(target.service_name, target.name)
    return release, session.store.reuse.get(mark(release)) if release else None


def is_current(service: Service, package: Package) -> bool:
    """Whether the store believes that this package is up with these options, and nothing was left unfinished."""
    release, key = current(service)
    return release is not None and _is_made_from(service, key, inputs(service, package))


def _is_made_from(service: Service, key: str | None, made_from: keys.Inputs) -> bool:
    return key == made_from.key and not was_interrupted(service)


def settle(session: Session, package: Package) -> None:
    """Resolve what the chosen targets and the image will install, except for targets that are up already.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    for target in session.targets:
        service = Service(session, target)
        if next(sections(service), None) is not None and not is_current(service, package):
            settle_for(service, package)
    if session.order.image and session.manifest.image:
        environment_of(session, session.manifest.image, package)


def was_interrupted(service: Service) -> bool:
    """Whether a release was begun and not ended: the target may hold something of it, beside the one that is up."""
    target = service.target
    return bool(service.session.store.releases.pending(target.service_name, target.name))


def serves(status: Status, uri: ScoringUri | NoScoringUri, package: Package) -> bool | None:
    """Whether the target says that it serves a package; None where only its golden requests can tell."""
    if status.state is State.UNKNOWN and isinstance(uri, ScoringUri):
        return None
    return status.state is State.RUNNING and status.package_digest == package.digest


def _served(service: Service, wanted: Wanted, made_from: keys.Inputs) -> Deployed | None:
    """The release that is up already with this package and these options, proved by the target itself."""
    session, target = service.session, service.target
    release, key = current(service)
    if release is None or not _is_made_from(service, key, made_from):
        return None
    status, uri = service.status(), service.scoring_uri()
    alive = serves(status, uri, wanted.package)
    if alive is None and isinstance(uri, ScoringUri):
        alive = ask_golden(uri.uri, wanted.samples, key=service.key(), timeout=GOLDEN_LIMIT).up
    if not alive:
        return None
    detail = f"release {release.number}"
    session.events.emit("stage.reused", stage="deploy", target=target.name, detail=detail, release=release.number)
    return Deployed(target.name, release, uri, reused=True)
