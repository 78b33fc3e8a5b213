"""The deploy stage: the release that is up already, or a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model import NoScoringUri, Package, Release, ScoringUri, State
from . import keys
from .golden import GOLDEN_LIMIT, ask_golden
from .service import Service

if TYPE_CHECKING:
    from ..manifest import Section
    from .session import Session


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
        key = _key(service, package)
        found = None if force else _served(service, package, key)
        if found is not None:
            return found
        session.gate("deploy", target=target.name, package_digest=package.digest)
        from .release import bring_up  # where there is nothing to do, this is not loaded

        release = bring_up(service, package, key)
        return Deployed(target.name, release, service.scoring_uri(), reused=False)


def _key(service: Service, package: Package) -> str:
    parts = keys.section_parts(service.target, service.plugin, service.session.store)
    return keys.key("deploy", **parts, service=service.target.service_name, package=package.digest)


def mark(release: Release) -> str:
    """Under which the store remembers the key that a release was made from."""
    return keys.key("release", service=release.service, target=release.target, number=release.number)


def _served(service: Service, package: Package, key: str) -> Deployed | None:
    """The release that is up already with this package and these options, proved by the target itself."""
    session, target = service.session, service.target
    release = session.store.releases.current(target.service_name, target.name)
    if release is None or session.store.reuse.get(mark(release)) != key:
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
