"""A package as a container image: step by step, with a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ...errors import LadingError
from ...model import Image, ImageRequest, Package
from .attempt import RESUMABLE
from .environment import environment_of

if TYPE_CHECKING:
    from ...manifest import Section
    from ..session.session import Session

IMAGE_LIMIT = 3600.0  # seconds: a base of gigabytes may have to be pulled, and its image pushed


def make_image(session: Session, package: Package, *, push: bool | None) -> Image:
    """The image of a package, made by the plugin that the manifest's `image` names; see `ImageRequest.push`.

    It is the manifest's and not a target's: all its targets share it. Raises Refused where the model's file was altered
    since it was registered, and whatever the plugin raises.
    """
    session.store.models.check(package.model)
    section = session.manifest.image
    assert section is not None, "a session that makes an image binds its block"
    session.events.emit("stage.started", stage="image")
    try:
        image = _step_until_made(session, section, _request(session, section, package, push))
    except LadingError as error:
        if not isinstance(error, RESUMABLE):
            _settle(session, "failed")
        session.events.emit("stage.failed", stage="image", detail=error.message)
        raise
    _settle(session, "done")
    session.events.emit("stage.finished", stage="image", detail=image.reference, digest=image.digest)
    return image


def _request(session: Session, section: Section, package: Package, push: bool | None) -> ImageRequest:
    service = session.manifest.name
    tags = {"lading.service": service, "lading.package": package.digest, "lading.model": package.model.sha256}
    environment = environment_of(session, section, package)
    return ImageRequest(package, section.options, service, tags, push, environment)


def _step_until_made(session: Session, section: Section, request: ImageRequest) -> Image:
    plugin, end = session.plugin(section), session.end(IMAGE_LIMIT)
    context = session.context(
        session.store.work("images", request.service),
        stage="image",
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
    session.store.journal.intend(session.manifest.name, "", name)  # of no target: the image is for all of them


def _settle(session: Session, outcome: Literal["done", "failed"]) -> None:
    """Settle what was intended, by an interrupted command too: the steps of this one have found what that did."""
    journal = session.store.journal
    for intent in journal.open(session.manifest.name, ""):
        journal.settle(intent.id, outcome)
