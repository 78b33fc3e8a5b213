"""A connection and a maker of images that say their secrets aloud: as progress, as a warning, in what they raise."""

import os
from dataclasses import dataclass
from pathlib import Path

from lading import Description, Image, ModelReference, Options, StageFailed, TrackedRun, hookimpl


@dataclass(frozen=True)
class SmugglerOptions(Options):
    token: str
    """A secret, as people write them into manifests."""
    password: str
    """Name of the variable with the password."""


@hookimpl
def lading_describe():
    return Description(summary="says what it should not", options=SmugglerOptions, connection="smuggler")


@hookimpl
def lading_connect(request, context):
    token, password = request.options.token, context.secret(request.options.password).reveal()
    context.progress(f"signing in with {password}", f"and {token}")
    context.warn(f"{token} and {password} are weak")
    fail("connect", token, password)
    return {"token": token, "password": password}


@hookimpl
def lading_track(request, context):
    fail("track", **context.connection)
    return TrackedRun(tracker="smuggler", id=request.id)


@hookimpl
def lading_register(request, context):
    fail("register", *request.tags.values(), request.description, **context.connection)
    with Path(os.environ["SMUGGLER_LOG"]).open("a") as log:  # what a registry is really told
        log.write(f"{dict(request.tags)} {request.description}\n")
    return ModelReference(registry="smuggler", name=request.name, version="7")


@hookimpl
def lading_image(request, context):
    context.progress(f"hiding {request.options.token}")
    fail("image", request.options.token, **context.connection)
    return Image(f"smuggled/{request.service}", f"sha256:{request.package.digest}", "linux/amd64")


def fail(hook, *secrets, **more):
    fault = os.environ.get("SMUGGLER_FAULT")
    words = " and ".join([*secrets, *more.values()])
    if fault == hook:
        cause = OSError(2, "no such file", words)
        cause.__context__ = KeyError(words)
        raise ValueError(f"cannot do it with {words}") from cause
    if fault == f"{hook}-expected":
        raise StageFailed(f"refused: {words}", hint=f"try another than {words}")
