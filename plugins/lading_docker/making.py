"""Make the image of a package: find it, or build it step by step, and push it if required."""

from __future__ import annotations

import re
import tempfile
from typing import TYPE_CHECKING

from lading import BadInput, Image, StageFailed, Transient

from .archive import write
from .engine import Engine
from .failures import build_failure
from .options import DockerOptions
from .pushes import keep, pushed
from .recipe import INPUTS, Recipe, recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading import Context, ImageRequest

    from .engine import Built

_DIGEST = re.compile(r"\bdigest: (sha256:[0-9a-f]{64})\b")
_AGAIN = "run the same command again"
_KEPT_LINES = 20  # lines of output in the error of a failed build


def make(request: ImageRequest[DockerOptions], context: Context) -> Image:
    """The image of a package.

    Raises BadInput if the image must be pushed but the manifest names no repository. Raises Transient if the engine or
    the registry does not respond, and StageFailed if the build fails.
    """
    options = request.options
    if request.push and options.repository is None:
        raise BadInput(
            "the image must be pushed, but the manifest names no repository", hint="add `repository:` under image"
        )
    made_from, engine = recipe(request, options), Engine()
    name = f"{options.repository or f'lading/{request.service}'}:{made_from.digest[:20]}"
    built = engine.find(name)
    if built is None or built.labels.get(INPUTS) != made_from.digest or request.force:
        context.intend(f"image/{name}")
        built = _build(engine, made_from, name, context, cached=not request.force)
    if options.repository is None or request.push is False:
        return Image(reference=built.id, digest=built.id, platform=built.platform, extra={"name": name})
    return _pushed(engine, built, name, request, context)


def _build(engine: Engine, made_from: Recipe, name: str, context: Context, *, cached: bool) -> Built:
    base = made_from.arguments["BASE"]
    found = engine.find(base)
    if found is None:
        _follow(engine.pull(base, made_from.platform), "pulling", context)
    else:
        _check_platform(base, found, made_from.platform or engine.platform())
    with tempfile.TemporaryFile(dir=context.work) as file:
        write(made_from.files, file)
        steps = engine.build(file, name, made_from.arguments, made_from.platform, cached=cached)
        try:
            _follow(steps, "building", context)
        except StageFailed as error:
            message, *said = error.message.splitlines()
            failed = StageFailed(message, hint=error.hint, log=error.log)
            raise build_failure(failed, said, base, networked=engine.has_bridge) from error
    built = engine.find(name, step="building the image")
    if built is None:
        raise Transient(f"building the image: the engine ended it early; it does not have {name}", hint=_AGAIN)
    return built


def _check_platform(base: str, found: Built, wanted: str) -> None:
    """Raise BadInput if a base image that the engine has is for another platform. A build would fail in the middle."""
    if found.platform.split("/")[:2] != wanted.split("/")[:2]:
        raise BadInput(
            f"the base image {base} on the engine is for {found.platform}, and the image is for {wanted}",
            hint=f"`docker pull --platform {wanted} {base}`, or write `platform: {found.platform}` under image",
            option="base",
        )


def _pushed(engine: Engine, built: Built, name: str, request: ImageRequest[DockerOptions], context: Context) -> Image:
    repository = name.rpartition(":")[0]
    digest = None if request.force else pushed(context.work, built.id, name)
    credentials = _credentials(request.options, context)
    if digest is None or not engine.registry_has(f"{repository}@{digest}", credentials):
        context.intend(f"push/{name}")
        said = _follow(engine.push(name, credentials), "pushing", context)
        found = _DIGEST.search("\n".join(said))
        if found is None:
            raise Transient(f"pushing {name}: the engine ended it before it reported a digest", hint=_AGAIN)
        digest = found[1]
        keep(context.work, built.id, name, digest)
    return Image(
        reference=f"{repository}@{digest}",
        digest=digest,
        platform=built.platform,
        registry=repository.partition("/")[0],
    )


def _credentials(options: DockerOptions, context: Context) -> dict[str, str] | None:
    """Credentials for the registry. None to use Docker's own configuration."""
    named = options.credentials
    if named is None:
        return None
    return {
        "username": context.secret(named.username).reveal(),
        "password": context.secret(named.password).reveal(),
    }


def _follow(lines: Iterable[str], phase: str, context: Context) -> list[str]:
    """Report each line, and return the last ones. The message of a failure includes them, and its log has all lines.

    Stops reading when the user cancels.
    """
    said: list[str] = []
    try:
        for line in lines:
            said.append(line)
            context.progress(phase, line)
            if context.cancelled:
                break
    except StageFailed as error:
        shown = [error.message, *said[-_KEPT_LINES:]]
        raise StageFailed("\n".join(shown), hint=error.hint, log=(*said, error.message)) from error
    return said[-_KEPT_LINES:]
