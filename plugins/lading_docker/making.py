"""The way of a package to an image: found, or built step by step, and pushed where that is asked for."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, cast

from lading import BadInput, Image, StageFailed

from .archive import write
from .engine import Engine
from .options import DockerOptions
from .recipe import INPUTS, Recipe, recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading import Context, ImageRequest

    from .engine import Built

_KEPT_LINES = 20  # of what a build said, where it fails


def make(request: ImageRequest, context: Context) -> Image:
    """The image of a package.

    Raises BadInput where it is to be pushed and the manifest names no repository, Transient where the engine or the
    registry does not do its part, and StageFailed where the build fails.
    """
    options = cast("DockerOptions", request.options)
    if request.push and options.repository is None:
        raise BadInput(
            "the image is to be pushed, and the manifest names no place", hint="add `repository:` under image"
        )
    made_from, engine = recipe(request, options), Engine()
    name = f"{options.repository or f'lading/{request.service}'}:{made_from.digest[:20]}"
    built = engine.find(INPUTS, made_from.digest)
    if built is None:
        context.intend(f"image/{name}")
        built = _build(engine, made_from, name, context)
    if options.repository is None or request.push is False:
        return Image(built.id, built.id, built.platform)
    return _pushed(engine, built, name, options, context)


def _build(engine: Engine, made_from: Recipe, name: str, context: Context) -> Built:
    base = made_from.arguments["BASE"]
    if not engine.has(base):
        _follow(engine.pull(base, made_from.platform), "pulling", context)
    with tempfile.TemporaryFile(dir=context.work) as file:
        write(made_from.files, file)
        steps = engine.build(file, name, made_from.arguments, made_from.labels, made_from.platform)
        _follow(steps, "building", context)
    built = engine.find(INPUTS, made_from.digest)
    if built is None:
        raise StageFailed(f"{name} was built, and the engine does not have it", hint="run the same command again")
    return built


def _pushed(engine: Engine, built: Built, name: str, options: DockerOptions, context: Context) -> Image:
    repository = options.repository
    assert repository is not None, "the caller has looked"
    digest = built.digests.get(repository)
    if digest is None:
        context.intend(f"push/{name}")
        engine.tag(built.id, name)
        _follow(engine.push(name, _credentials(options, context)), "pushing", context)
        digest = engine.inspect(built.id).digests.get(repository)
    if digest is None:
        raise StageFailed(
            f"{name} was pushed, and the engine does not say its digest", hint="run the same command again"
        )
    return Image(f"{repository}@{digest}", digest, built.platform, repository.partition("/")[0])


def _credentials(options: DockerOptions, context: Context) -> dict[str, str] | None:
    """What signs in to the registry; None where the configuration of Docker is to say."""
    named = options.credentials
    if named is None:
        return None
    return {
        "username": context.secret(named.username).reveal(),
        "password": context.secret(named.password).reveal(),
    }


def _follow(lines: Iterable[str], phase: str, context: Context) -> None:
    """Tell each step; a failure has the last step and lines. Nothing more is asked for once the user wants to stop."""
    said: list[str] = []
    try:
        for line in lines:
            said = [*said, line][-_KEPT_LINES:]
            context.progress(phase, line)
            if context.cancelled:
                break
    except StageFailed as error:
        raise StageFailed("\n".join([error.message, *said]), hint=error.hint) from error
