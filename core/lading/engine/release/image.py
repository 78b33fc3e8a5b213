"""Build a package into a container image, step by step, with a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ...errors import LadingError, StageFailed
from ...model import Image, ImageRequest, Package
from ...store.durable import naming, replace_file
from .attempt import RESUMABLE
from .environment import environment_of

if TYPE_CHECKING:
    from pathlib import Path

    from ...manifest import Section
    from ..session.session import Session

IMAGE_LIMIT = 3600.0  # seconds: the build may pull a base image of several gigabytes and push its result
_FOLDER, _LOG = "images", "build.log"
_LOG_LIMIT = 16 * 1024 * 1024  # bytes of the log of a failed build to keep


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
        if isinstance(error, StageFailed) and error.log:
            _keep_log(session, error)
        emit("stage.failed", detail=error.message)
        raise
    _settle(session, "done")
    _work(session).joinpath(_LOG).unlink(missing_ok=True)
    emit("stage.finished", detail=image.reference, digest=image.digest)
    return image


def failed_build_log(session: Session) -> tuple[str, ...]:
    """The log of the last image build, if it failed; empty if it did not."""
    file = _work(session) / _LOG
    if not file.is_file():
        return ()
    with naming(file):
        return tuple(file.read_text(encoding="utf-8", errors="replace").splitlines())


def _keep_log(session: Session, error: StageFailed) -> None:
    """Keep the log of a failed build, and name its file. Of a very long log, the end is kept: the failure is there."""
    text = session.events.redacted("\n".join(error.log)).encode()[-_LOG_LIMIT:].decode(errors="ignore")
    file = _work(session) / _LOG
    replace_file(file, text.encode())
    error.hint = error.hint or f"the whole log of the build is in {file}"


def _work(session: Session) -> Path:
    return session.store.work(_FOLDER, session.manifest.name)


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
        _work(session),
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
