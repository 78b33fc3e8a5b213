"""The steps that build a package into an image."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lading import BadInput, Context, Image, ImageRequest, LadingError, Pending, StageFailed

from . import port
from .contents import contents, text_of
from .options import REPOSITORY, ImageOptions
from .servers import PLATFORM, server
from .text import reason

if TYPE_CHECKING:
    from .connection import AzureConnection

BUILDING = "building the image"
_POLL_INTERVAL = 5.0  # seconds between two checks of a build that takes minutes
_MAX_LOOKS = 6  # looks for a finished image in the registry
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
    operation = _operation(workspace, asked)
    if operation is not None and operation.state != "Succeeded":
        return _unfinished(workspace, operation, asked)
    wanted_again = request.force and not asked.exists()
    found = None if wanted_again else workspace.find_image(repository, label)
    if found is not None:
        asked.unlink(missing_ok=True)
        return Image(reference=found.reference, digest=found.digest, platform=PLATFORM, registry=found.registry)
    if operation is not None:
        return _unshown(asked, f"{repository}:{label}")
    image = contents(request.package, request.service, options, server(request.environment), context)
    context.intend(f"image/{repository}:{label}")
    _keep(asked, workspace.build_image(image, repository, label))
    return Pending(phase=BUILDING, detail=f"{repository}:{label}", retry_after=0.5)


def _operation(workspace: port.AzureWorkspace, asked: Path) -> port.Operation | None:
    """The build that was requested; None if there is none, or if Azure has forgotten it.

    A build that cannot be followed is forgotten.
    """
    if not asked.exists():
        return None
    try:
        return workspace.operation(asked.read_text(encoding="utf-8").split()[0], 0)
    except StageFailed:
        asked.unlink()
        raise


def _unshown(asked: Path, image: str) -> Pending:
    """Wait for the registry to show a finished build. Raises StageFailed if it does not."""
    build, *looks = asked.read_text(encoding="utf-8").split()
    if len(looks) < _MAX_LOOKS:
        _keep(asked, " ".join((build, *looks, "seen")))
        return Pending(phase="waiting for the container registry", retry_after=_POLL_INTERVAL)
    asked.unlink()
    raise StageFailed(
        f"Azure has built {image}, but the workspace's container registry does not show it",
        hint="`az acr repository list` and the registry's retention policy show why; then run the same command again",
    )


def _unfinished(workspace: port.AzureWorkspace, operation: port.Operation, asked: Path) -> Pending:
    """The pending step of a build. Raises StageFailed with the end of the log if it has failed."""
    log: list[str] = []
    with suppress(LadingError):  # the log is only a help: a failure to read it must not stop the build
        log = list(workspace.build_log(operation.log_url)) if operation.log_url else []
    shown = [line for line in log if line][-_LINES:]
    if operation.is_running:
        return Pending(phase=BUILDING, detail=shown[-1] if shown else "", retry_after=_POLL_INTERVAL)
    asked.unlink()
    said = reason(operation.error) or f"the operation is {operation.state.lower()}"
    raise StageFailed("\n".join([f"{BUILDING} failed: {said}", *shown]), log=log)


def _repository(request: ImageRequest, options: ImageOptions) -> str:
    name = options.repository or request.service
    if not re.fullmatch(REPOSITORY, name):
        raise BadInput(f"'{name}' cannot be the name of an image", hint="give the image a repository, in lower case")
    return name


def _label(repository: str, request: ImageRequest, options: ImageOptions) -> str:
    """A digest of the build's inputs. The server counts by name only, so a new version of it causes no build."""
    added = re.split("[<=>]", server(request.environment))[0]
    built_from = [repository, request.package.digest, options.base_image, text_of(options.dockerfile), added]
    if options.base_image_registry:
        built_from.append(options.base_image_registry.address)
    return hashlib.sha256(json.dumps(built_from).encode()).hexdigest()[:32]


def _keep(file: Path, text: str) -> None:
    temporary = file.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
