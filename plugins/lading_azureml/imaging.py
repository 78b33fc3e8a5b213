"""The steps of building a package into an image."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lading import BadInput, Context, Image, ImageRequest, LadingError, Pending, StageFailed, Transient

from . import port
from .contents import contents, text_of
from .options import REPOSITORY, ImageOptions
from .servers import PLATFORM, server
from .text import reason

if TYPE_CHECKING:
    from .connection import AzureConnection

BUILDING = "building the image"
_POLL = 5.0  # seconds between two looks at a build that takes minutes
_LINES = 30  # of a log that are shown


def make(request: ImageRequest, context: Context) -> Image | Pending:
    """Take one step: look how far the build is, find the image, or ask for it.

    The label is a digest of what is built, so an image that is there already is found, whoever had it built. Raises
    StageFailed with the end of the log where the build failed.
    """
    connection: AzureConnection = context.connection
    workspace, options = connection.workspace, cast("ImageOptions", request.options)
    repository = _repository(request, options)
    label = _label(repository, request, options)
    asked = context.work / f"{label}.operation"
    if asked.exists():
        waiting = _follow(workspace, asked)
        if waiting is not None:
            return waiting
    found = workspace.find_image(repository, label)
    if found is not None:
        asked.unlink(missing_ok=True)
        return Image(found.reference, found.digest, PLATFORM, found.registry)
    if asked.exists():
        asked.unlink()
        raise Transient(f"Azure has built {repository}:{label}, and its registry does not show it", hint="run it again")
    image = contents(request.package, request.service, options, server(request.environment), context)
    context.intend(f"image/{repository}:{label}")
    _keep(asked, workspace.build_image(image, repository, label))
    return Pending(BUILDING, f"{repository}:{label}", 0.5)


def _follow(workspace: port.AzureWorkspace, asked: Path) -> Pending | None:
    """What the build waits for; None where it has succeeded. What cannot be followed is forgotten."""
    try:
        operation = workspace.operation(asked.read_text(encoding="utf-8"), 0)
    except StageFailed:
        asked.unlink()
        raise
    log: list[str] = []
    with suppress(LadingError):  # the log is an aid: that it cannot be read must not end a build
        log = [line for line in workspace.build_log(operation.log_url) if line] if operation.log_url else []
    if operation.is_running:
        return Pending(BUILDING, log[-1] if log else "", _POLL)
    if operation.state == "Succeeded":
        return None
    asked.unlink()
    said = reason(operation.error) or f"the operation is {operation.state.lower()}"
    raise StageFailed("\n".join([f"{BUILDING} failed: {said}", *log[-_LINES:]]))


def _repository(request: ImageRequest, options: ImageOptions) -> str:
    name = options.repository or request.service
    if not re.fullmatch(REPOSITORY, name):
        raise BadInput(f"'{name}' cannot be the name of an image", hint="give the image a repository, in lower case")
    return name


def _label(repository: str, request: ImageRequest, options: ImageOptions) -> str:
    """A digest of what is built; of the server that is added its name, so that a new version of it builds nothing."""
    added = re.split("[<=>]", server(request.environment))[0]
    built_from = [repository, request.package.digest, options.base_image, text_of(options.dockerfile), added]
    return hashlib.sha256(json.dumps(built_from).encode()).hexdigest()[:32]


def _keep(file: Path, text: str) -> None:
    temporary = file.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
