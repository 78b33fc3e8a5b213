"""The steps that build a package into an image."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lading import BadInput, Context, Image, ImageRequest, LadingError, Pending, StageFailed, Transient

from . import port
from .contents import contents, text_of
from .options import REPOSITORY, ImageOptions
from .servers import PLATFORM, server
from .text import reason

if TYPE_CHECKING:
    from .connection import AzureConnection

BUILDING = "building the image"
_POLL_INTERVAL = 5.0  # seconds between two checks of a build that takes minutes
_LINES = 30  # lines of a log to show


def make(request: ImageRequest[ImageOptions], context: Context) -> Image | Pending:
    """Take one step: check the build's progress, find the image, or request a build.

    The label is a digest of the build's inputs. So an existing image is found even if another command had it built.
    Raises StageFailed with the end of the log if the build failed.
    """
    connection: AzureConnection = context.connection
    workspace, options = connection.workspace, request.options
    repository = _repository(request, options)
    label = _label(repository, request, options)
    asked = context.work / f"{label}.operation"
    if asked.exists():
        waiting = _follow(workspace, asked)
        if waiting is not None:
            return waiting
    wanted_again = request.force and not asked.exists()
    found = None if wanted_again else workspace.find_image(repository, label)
    if found is not None:
        asked.unlink(missing_ok=True)
        return Image(reference=found.reference, digest=found.digest, platform=PLATFORM, registry=found.registry)
    if asked.exists():
        asked.unlink()
        raise Transient(f"Azure has built {repository}:{label}, but its registry does not show it", hint="run it again")
    image = contents(request.package, request.service, options, server(request.environment), context)
    context.intend(f"image/{repository}:{label}")
    _keep(asked, workspace.build_image(image, repository, label))
    return Pending(phase=BUILDING, detail=f"{repository}:{label}", retry_after=0.5)


def _follow(workspace: port.AzureWorkspace, asked: Path) -> Pending | None:
    """The pending step of the build; None if it has succeeded. A build that cannot be followed is forgotten."""
    try:
        operation = workspace.operation(asked.read_text(encoding="utf-8"), 0)
    except StageFailed:
        asked.unlink()
        raise
    log: list[str] = []
    with suppress(LadingError):  # the log is only a help: a failure to read it must not stop the build
        log = [line for line in workspace.build_log(operation.log_url) if line] if operation.log_url else []
    if operation.is_running:
        return Pending(phase=BUILDING, detail=log[-1] if log else "", retry_after=_POLL_INTERVAL)
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
    """A digest of the build's inputs. The server counts by name only, so a new version of it causes no build."""
    added = re.split("[<=>]", server(request.environment))[0]
    built_from = [repository, request.package.digest, options.base_image, text_of(options.dockerfile), added]
    return hashlib.sha256(json.dumps(built_from).encode()).hexdigest()[:32]


def _keep(file: Path, text: str) -> None:
    temporary = file.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
