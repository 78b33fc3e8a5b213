"""Build a package into a container image, step by step, with a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ...errors import LadingError
from ...model import Image, ImageRequest, Package
from .attempt import RESUMABLE
from .environment import environment_of

if TYPE_CHECKING:
    from ...manifest import Section
    from ..session.session import Session

IMAGE_LIMIT = 3600.0  # seconds: the build may pull a base image of several gigabytes and push its result


def make_image(session: Session, package: Package, *, push: bool | None, force: bool = False) -> Image:
    """The image of a package, built by the plugin that the manifest's `image` names; see `ImageRequest.push` and
    `ImageRequest.force`.

    The image belongs to the manifest, and all its targets share it. Raises Refused if the model's file was altered
    since it was registered. Errors of the plugin are passed on.
    """
    session.store.models.check(package.model)
    section = session.manifest.image
    assert section is not None, "a session that makes an image binds its block"
    emit = session.events.of(section.role)
    emit("stage.started")
    try:
        image = _step_until_made(session, section, _request(session, section, package, push=push, force=force))
    except LadingError as error:
        if not isinstance(error, RESUMABLE):
            _settle(session, "failed")
        emit("stage.failed", detail=error.message)
        raise
    _settle(session, "done")
    emit("stage.finished", detail=image.reference, digest=image.digest)
    return image


def _request(session: Session, section: Section, package: Package, *, push: bool | None, force: bool) -> ImageRequest:
    service = session.manifest.name
    tags = {"lading.service": service, "lading.package": package.digest, "lading.model": package.model.sha256}
    environment = environment_of(session, section, package)
    return ImageRequest(
        package=package,
        options=section.options,
        service=service,
        tags=tags,
        push=push,
        force=force,
        environment=environment,
    )


def _step_until_made(session: Session, section: Section, request: ImageRequest) -> Image:
    plugin, end = session.plugin(section), session.end(IMAGE_LIMIT)
    context = session.context(
        session.store.work("images", request.service),
        stage=section.role,
        connection=section.connection,
        end=end,
        journal=lambda name: _intend(session, name),
    )
    while True:
        step = session.run_hook(plugin, "lading_image", lambda: plugin.image(request, context), end=end)
        if isinstance(step, Image):
            return step
        context.progress(step.phase, step.detail)
        session.pause(step.retry_after, f"the image of {request.service}", step.phase, end)


def _intend(session: Session, name: str) -> None:
    session.store.journal.intend(session.manifest.name, "", name)  # no target: all targets share the image


def _settle(session: Session, outcome: Literal["done", "failed"]) -> None:
    """Close every open intent, also those of an interrupted command: this command's steps found the other's effects."""
    journal = session.store.journal
    for intent in journal.open(session.manifest.name, ""):
        journal.settle(intent.id, outcome)
