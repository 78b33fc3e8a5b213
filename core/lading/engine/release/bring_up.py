"""A new release: begun or resumed, brought up, and recorded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import LadingError, NotUp
from ...model import Capability, Image, ImageNeed, Package, Release, State
from ..stages import cache_keys as keys
from .attempt import RESUMABLE, Attempt
from .desired import Wanted, inputs, mark
from .environment import settle_for
from .golden import accepted
from .portability import tell_first_deploy

if TYPE_CHECKING:
    from .service import Service


def bring_up(service: Service, wanted: Wanted, made_from: keys.Inputs) -> Release:
    """Bring up a new release and record it.

    Raises NotUp where it does not come up: the old one then still serves, or serves again.
    """
    session, target = service.session, service.target
    previous = session.store.releases.current(target.service_name, target.name)
    _tell_what_goes(service, wanted, previous)
    if previous is None:
        tell_first_deploy(session, target)
    settle_for(service, wanted.package)
    image = _image(service, wanted.package)
    release = _begin(service, wanted, made_from)
    session.events.emit("stage.started", stage="deploy", target=target.name, detail=f"release {release.number}")
    try:
        up = _attempt(service, wanted, release, image)
    except RESUMABLE:
        raise
    except LadingError as error:
        session.events.emit("release.refused", stage="deploy", target=target.name, detail=error.message)
        if previous is not None and not _still_serves(service, previous, error):
            _restore(service, previous, error)
        raise
    detail = f"release {up.number}"
    session.events.emit("release.up", stage="deploy", target=target.name, detail=detail, release=up.number)
    return up


def _image(service: Service, package: Package) -> Image | None:
    """The package as an image, where the target needs one: made before anything of the release begins."""
    need = service.plugin.description.image
    if need is None:
        return None
    from .image import make_image  # most targets need none

    return make_image(service.session, package, push=True if need is ImageNeed.PUSHED else None)


def _tell_what_goes(service: Service, wanted: Wanted, previous: Release | None) -> None:
    """Warn where a deploy takes back a rollback: so says the manifest, though its reader may not mean it."""
    if previous is None or previous.restores is None or wanted.restores is not None:
        return
    if previous.package_digest != wanted.package.digest:
        service.session.events.emit(
            "warning",
            stage="deploy",
            target=service.target.name,
            detail=f"release {previous.number} of {previous.service} had brought release {previous.restores} back; "
            "the manifest's package takes its place again",
        )


def _begin(service: Service, wanted: Wanted, made_from: keys.Inputs) -> Release:
    """A new release, or the pending one of an interrupted command where it was to be the same."""
    session, target = service.session, service.target
    releases, key = session.store.releases, made_from.key
    for pending in releases.pending(target.service_name, target.name):
        if session.store.reuse.get(mark(pending)) == key:
            _tell(service, pending, "resuming")
            return pending
        _tell(service, pending, "given up, as it was interrupted and something else is asked for now")
        releases.finish(pending, "failed", "interrupted, and not asked for again")
    release = releases.begin(target.service_name, target.name, wanted.package)
    session.store.reuse.put_all([(mark(release), "deploy", key), keys.record_row(made_from)])
    return release


def _tell(service: Service, release: Release, phase: str) -> None:
    service.session.events.emit(
        "progress", stage="deploy", target=service.target.name, phase=phase, detail=f"release {release.number}"
    )


def _attempt(service: Service, wanted: Wanted, release: Release, image: Image | None) -> Release:
    """Take a release to its end, and record which end that was, with the golden requests that it has answered.

    Intents of an earlier, interrupted command are settled with this one's: the target's steps find what those did.
    """
    session = service.session
    try:
        Attempt(service, wanted.package, release, wanted.samples, image).run()
    except RESUMABLE:
        raise
    except LadingError as error:
        session.store.releases.finish(release, "failed", session.events.masked(error.message), settles=True)
        raise
    answered = replace(release, golden_requests=wanted.record, restores=wanted.restores)
    return session.store.releases.finish(answered, "up", settles=True)


def _still_serves(service: Service, previous: Release, error: LadingError) -> bool:
    """Whether the release before one that failed is still there: the target keeps it, or refused to begin."""
    if service.plugin.can(Capability.KEEPS_OLD_RELEASE):
        return True
    if isinstance(error, NotUp):
        return False
    with suppress(LadingError):  # a target that cannot be asked may have given it up
        status = service.status()
        return status.state is State.RUNNING and status.package_digest == previous.package_digest
    return False


def _restore(service: Service, previous: Release, error: LadingError) -> None:
    """Deploy the previous package again, on a target that had to give it up for the new one."""
    session, target = service.session, service.target
    if isinstance(error, NotUp):
        error.hint = None  # `lading logs` shows from now on what serves again
    session.events.emit(
        "progress",
        stage="deploy",
        target=target.name,
        phase=f"bringing release {previous.number} back",
        detail=error.message.partition("\n")[0],
    )
    package = kept_package(service, previous)
    if package is None:
        raise NotUp(f"release {previous.number} of {target.service_name} cannot come back: its package is gone")
    wanted = as_accepted(service, previous, package)
    image = _image(service, package)
    release = _attempt(service, wanted, _begin(service, wanted, inputs(service, package)), image)
    session.events.emit(
        "release.rolled_back",
        stage="deploy",
        target=target.name,
        detail=f"release {previous.number} serves again, as release {release.number}; it may have been away meanwhile",
    )


def kept_package(service: Service, release: Release) -> Package | None:
    """The package of a release; None where it is gone."""
    store = service.session.store
    version = store.models.get(release.model, release.model_version)
    return store.packages.get(release.package_digest, version) if version else None


def as_accepted(service: Service, release: Release, package: Package) -> Wanted:
    """What brings a release back: its package, with the golden requests that it was accepted with."""
    session = service.session

    def warn(message: str) -> None:
        detail = f"a golden request of release {release.number}: {message}"
        session.events.emit("warning", stage="deploy", target=release.target, detail=detail)

    samples = accepted(release, session.order.environ, warn)
    return Wanted(package, samples, release.golden_requests or (), release.number)
