"""A new release: begun or resumed, brought up, and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import LadingError, NotUp
from ..model import Capability, Package, Release
from . import keys
from .attempt import RESUMABLE, Attempt
from .deploy import mark
from .portability import tell_first_deploy

if TYPE_CHECKING:
    from .service import Service


def bring_up(service: Service, package: Package, made_from: keys.Inputs) -> Release:
    """Bring up a new release and record it.

    Raises NotUp where it does not come up: the old one then still serves, or serves again.
    """
    session, target = service.session, service.target
    previous = session.store.releases.current(target.service_name, target.name)
    if previous is None:
        tell_first_deploy(session, target)
    release = _begin(service, package, made_from)
    session.events.emit("stage.started", stage="deploy", target=target.name, detail=f"release {release.number}")
    try:
        Attempt(service, package, release).run()
    except RESUMABLE:
        raise
    except LadingError as error:
        session.store.releases.finish(release, "failed", session.events.masked(error.message))
        session.events.emit("release.refused", stage="deploy", target=target.name, detail=error.message)
        if previous is not None and not service.plugin.can(Capability.KEEPS_OLD_RELEASE):
            _restore(service, previous)
        raise
    up = session.store.releases.finish(release, "up")
    detail = f"release {up.number}"
    session.events.emit("release.up", stage="deploy", target=target.name, detail=detail, release=up.number)
    return up


def _begin(service: Service, package: Package, made_from: keys.Inputs) -> Release:
    """A new release, or the pending one of an interrupted command where it was to be the same."""
    session, target = service.session, service.target
    releases, key = session.store.releases, made_from.key
    for pending in releases.pending(target.service_name, target.name):
        if session.store.reuse.get(mark(pending)) == key:
            detail = f"release {pending.number}"
            session.events.emit("progress", stage="deploy", target=target.name, phase="resuming", detail=detail)
            return pending
        releases.finish(pending, "failed", "interrupted, and not asked for again")
    release = releases.begin(target.service_name, target.name, package)
    session.store.reuse.put_all([(mark(release), "deploy", key), keys.record_row(made_from)])
    return release


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
    session.store.reuse.put(mark(release), "deploy", session.store.reuse.get(mark(previous)))
    session.events.emit(
        "release.rolled_back",
        stage="deploy",
        target=target.name,
        detail=f"release {previous.number} serves again, as release {release.number}; it was away meanwhile",
    )
