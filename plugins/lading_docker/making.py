"""Make the image of a package: find it, or build it step by step, and push it if required."""

from __future__ import annotations

import re
import tempfile
from typing import TYPE_CHECKING

from lading import BadInput, Image, StageFailed

from .archive import write
from .engine import Engine
from .options import DockerOptions
from .pushes import keep, pushed
from .recipe import INPUTS, Recipe, recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading import Context, ImageRequest

    from .engine import Built

_DIGEST = re.compile(r"\bdigest: (sha256:[0-9a-f]{64})\b")
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
    if built is None or built.labels.get(INPUTS) != made_from.digest:
        context.intend(f"image/{name}")
        built = _build(engine, made_from, name, context)
    if options.repository is None or request.push is False:
        return Image(reference=built.id, digest=built.id, platform=built.platform)
    return _pushed(engine, built, name, options, context)


def _build(engine: Engine, made_from: Recipe, name: str, context: Context) -> Built:
    base = made_from.arguments["BASE"]
    if engine.find(base) is None:
        _follow(engine.pull(base, made_from.platform), "pulling", context)
    with tempfile.TemporaryFile(dir=context.work) as file:
        write(made_from.files, file)
        steps = engine.build(file, name, made_from.arguments, made_from.platform)
        _follow(steps, "building", context)
    built = engine.find(name)
    if built is None:
        raise StageFailed(f"{name} was built, but the engine does not have it", hint="run the same command again")
    return built


def _pushed(engine: Engine, built: Built, name: str, options: DockerOptions, context: Context) -> Image:
    repository = name.rpartition(":")[0]
    digest = pushed(context.work, built.id, name)
    if digest is None:
        context.intend(f"push/{name}")
        said = _follow(engine.push(name, _credentials(options, context)), "pushing", context)
        found = _DIGEST.search("\n".join(said))
        if found is None:
            raise StageFailed(
                f"{name} was pushed, but the engine does not report its digest", hint="run the same command again"
            )
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
    """Report each line, and return the last ones. A failure includes them too.

    Stops reading when the user cancels.
    """
    said: list[str] = []
    try:
        for line in lines:
            said = [*said, line][-_KEPT_LINES:]
            context.progress(phase, line)
            if context.cancelled:
                break
    except StageFailed as error:
        raise StageFailed("\n".join([error.message, *said]), hint=error.hint) from error
    return said
