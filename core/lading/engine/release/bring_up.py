"""Start and record a new release, or resume a pending one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ...errors import LadingError, NotUp, Refused
from ...model import Capability, Image, ImageNeed, Package, Release, State, Status
from ...store.origin import mark
from ..session.gates import facts, previous_release
from ..stages import cache_keys as keys
from .attempt import RESUMABLE, Attempt, Switched
from .desired import Wanted, inputs
from .environment import settle_for
from .golden import accepted, literally
from .moves import enter_place, has_moved
from .portability import report_first_deploy
from .restored import as_released
from .secrets import digests, rotated
from .service import Service, Unverified


def bring_up(service: Service, wanted: Wanted, stage_inputs: keys.Inputs) -> Release:
    """Start a new release and record it as up, or as a canary.

    Raises NotUp if it does not start. Then the old release still serves, or serves again.
    """
    session, target = service.session, service.target
    serving = previous_release(session, target.name)
    previous = serving.release if serving else None
    about = facts(session, wanted.package.model, serving)
    _warn_of_undone_rollback(service, wanted, previous)
    if previous is None:
        report_first_deploy(service)
    settle_for(service, wanted.package)
    image = image_for(service, wanted.package)
    enter_place(service)
    release = _begin(service, wanted, stage_inputs)
    service.emit("stage.started", detail=f"release {release.number}")
    try:
        up = _attempt(service, wanted, release, image)
    except RESUMABLE:
        raise
    except LadingError as error:
        service.emit("release.refused", detail=error.message, **about)
        if previous is not None and not wanted.beside and not _still_serves(service, previous, error):
            _restore_or_add(service, previous, error)
        raise
    about |= {"release": up.number, **({} if up.asked else {"asked": False})}
    if wanted.beside:
        service.emit("release.canary", detail=f"release {up.number}", **about)
    else:
        service.emit("release.up", detail=f"release {up.number}", **about)
    return up


def image_for(service: Service, package: Package) -> Image | None:
    """The package as an image if the target needs one. It is built before the release begins.

    Raises Refused if only the options of an earlier release need one, because the command has not read its block.
    """
    need = service.plugin.description.image
    if not service.needs_image:
        return None
    if service.image is None:
        message = f"this release of {service.name} needs an image, and the block of the target needs none now"
        raise Refused(message, hint="write the block as it was then, and run `lading deploy`")
    from .image import make_image  # most targets do not need it

    return make_image(service.session, package, push=True if need is ImageNeed.PUSHED else None)


def _warn_of_undone_rollback(service: Service, wanted: Wanted, previous: Release | None) -> None:
    """Warn if a deploy undoes a rollback. The manifest requests this, but its reader may not expect it."""
    if previous is None or previous.restores is None or wanted.restores is not None or wanted.beside:
        return
    if previous.package_digest != wanted.package.digest:
        brought_back = f"release {previous.number} of {previous.service} had restored release {previous.restores}"
        service.emit("warning", detail=f"{brought_back}; the manifest's package takes its place again")


def _begin(service: Service, wanted: Wanted, stage_inputs: keys.Inputs) -> Release:
    """A new release, or the pending one of an interrupted command if it has the same inputs and secrets."""
    session, target = service.session, service.target
    releases, key = session.store.releases, stage_inputs.key
    for pending in releases.pending(target.service_name, target.name):
        same_inputs = session.store.reuse.get(mark(pending)) == key and pending.beside == wanted.beside
        changed = rotated(service, pending)
        if same_inputs and not changed:
            _report_phase(service, pending, "resuming")
            return pending
        what = f"the value of {changed[0]}" if same_inputs else "the manifest"
        abandoned = f"abandoned: it was interrupted and {what} has changed since"
        _report_phase(service, pending, abandoned)
        releases.finish(pending, "failed", abandoned)
    secrets = digests(service)
    release = releases.begin(target.service_name, target.name, wanted.package, secrets, beside=wanted.beside)
    session.store.reuse.put_all([(mark(release), stage_inputs.stage, key), keys.record_row(stage_inputs)])
    return release


def _report_phase(service: Service, release: Release, phase: str) -> None:
    service.emit("progress", phase=phase, detail=f"release {release.number}")


def _attempt(service: Service, wanted: Wanted, release: Release, image: Image | None) -> Release:
    """Run a release to its end and record the result, with the golden requests that it answered.

    Open intents of an interrupted command are closed too: the target's steps find that command's objects.
    """
    session = service.session
    try:
        attempt = Attempt(service, wanted, release, image)
        attempt.run()
    except RESUMABLE:
        raise
    except LadingError as error:
        session.store.releases.finish(release, "failed", session.events.redacted(error.message), settles=True)
        raise
    record = tuple(map(literally, attempt.samples)) if wanted.recording and attempt.asked else wanted.record
    answered = replace(attempt.release, golden_requests=record, restores=wanted.restores, asked=attempt.asked)
    return session.store.releases.finish(answered, "canary" if wanted.beside else "up", settles=True)


def _still_serves(service: Service, previous: Release, error: LadingError) -> bool:
    """Whether the release before a failed one still exists, because the target keeps it or refused to begin.

    At another place, nothing has touched it. Otherwise the status counts first. If it leaves that open,
    `keeps_old_release` counts until the target has returned Ready.
    """
    if has_moved(service):
        return True
    keeps = service.plugin.can(Capability.KEEPS_OLD_RELEASE)
    was_ready = isinstance(error, Unverified | Switched)
    if isinstance(error, NotUp) and not (keeps or was_ready):
        return False
    believed = keeps and not was_ready
    with suppress(LadingError):  # a target that cannot be asked leaves it open
        status = service.status()
        if _is_of_others(service, status):
            return True
        if status.state is State.ABSENT or _shows_another(status, previous):
            return False
        return believed or (status.state is State.RUNNING and status.package_digest is not None)
    return believed


def _shows_another(status: Status, previous: Release) -> bool:
    """Whether a status shows another release. Two releases may have the same package, and differ in their options."""
    digest, release_id = status.package_digest, status.release_id
    return digest not in (None, previous.package_digest) or release_id not in (None, previous.id)


def _is_of_others(service: Service, status: Status) -> bool:
    """Whether the target shows a release that this store does not know: another writer's, which is left alone."""
    return status.release_id is not None and all(release.id != status.release_id for release in service.releases)


def _restore_or_add(service: Service, previous: Release, error: LadingError) -> None:
    """Restore the previous release. If that fails too, add it to the message of the first failure."""
    try:
        _restore(service, previous, error)
    except RESUMABLE:
        raise
    except LadingError as second:
        service.emit("release.refused", detail=second.message)
        error.message += f"\nrelease {previous.number} could not be restored: {second.message}"
        error.args, error.hint = (error.message,), None if isinstance(second, NotUp) else second.hint


def _restore(service: Service, previous: Release, error: LadingError) -> None:
    """Deploy the previous release again, with its options, on a target that had to remove it for the new one."""
    if isinstance(error, NotUp):
        error.hint = None  # `lading logs` now shows the log of the restored release
    phase = f"restoring release {previous.number}"
    service.emit("progress", phase=phase, detail=error.message.partition("\n")[0])
    package = kept_package(service, previous)
    if package is None:
        raise NotUp(f"its package {previous.package_digest[:12]} is not in the store")
    service, wanted = as_released(service, previous), as_accepted(service, previous, package)
    image = image_for(service, package)
    release = _attempt(service, wanted, _begin(service, wanted, inputs(service, package)), image)
    detail = f"release {previous.number} serves again, as release {release.number}; it may have been away meanwhile"
    service.emit("release.rolled_back", detail=detail)


def kept_package(service: Service, release: Release) -> Package | None:
    """The package of a release; None if it is gone."""
    store = service.session.store
    version = store.models.get(release.model, release.model_version)
    return store.packages.get(release.package_digest, version) if version else None


def as_accepted(service: Service, release: Release, package: Package) -> Wanted:
    """Everything that restores a release: its package, with the golden requests that it was accepted with."""

    def warn(message: str) -> None:
        service.emit("warning", detail=f"a golden request of release {release.number}: {message}")

    samples = accepted(release, service.session.order.environ, warn)
    return Wanted(package, samples, release.golden_requests or (), release.number)
