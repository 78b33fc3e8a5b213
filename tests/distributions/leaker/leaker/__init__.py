"""A connection and a maker of images that reveal their secrets: in progress, in warnings and in errors."""

import os
from dataclasses import dataclass
from pathlib import Path

from lading import (
    ConnectRequest,
    Context,
    Description,
    Image,
    ImageRequest,
    ModelReference,
    Options,
    RegisterRequest,
    Run,
    StageFailed,
    TrackedRun,
    hookimpl,
)


@dataclass(frozen=True)
class LeakerOptions(Options):
    token: str
    """A secret, as people write them into manifests."""
    password: str
    """Name of the variable with the password."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="says what it should not", api=1, options=LeakerOptions, connection="leaker")


@hookimpl
def lading_connect(request: ConnectRequest[LeakerOptions], context: Context) -> dict[str, str]:
    token, password = request.options.token, context.secret(request.options.password).reveal()
    context.progress(f"signing in with {password}", f"and {token}")
    context.warn(f"{token} and {password} are weak")
    fail("connect", token, password)
    return {"token": token, "password": password}


@hookimpl
def lading_track(request: Run, context: Context) -> TrackedRun:
    fail("track", **context.connection)
    return TrackedRun(tracker="leaker", id=request.id)


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    fail("register", *request.tags.values(), request.description, **context.connection)
    with Path(os.environ["LEAKER_LOG"]).open("a") as log:  # the values that a registry really receives
        log.write(f"{dict(request.tags)} {request.description}\n")
    return ModelReference(registry="leaker", name=request.name, version="7")


@hookimpl
def lading_image(request: ImageRequest[LeakerOptions], context: Context) -> Image:
    context.progress(f"hiding {request.options.token}")
    fail("image", request.options.token, **context.connection)
    return Image(
        reference=f"leaked/{request.service}", digest=f"sha256:{request.package.digest}", platform="linux/amd64"
    )


def fail(hook: str, *secrets: str, **more: str) -> None:
    fault = os.environ.get("LEAKER_FAULT")
    words = " and ".join([*secrets, *more.values()])
    if fault == hook:
        cause = OSError(2, "no such file", words)
        cause.__context__ = KeyError(words)
        raise ValueError(f"cannot do it with {words}") from cause
    if fault == f"{hook}-expected":
        raise StageFailed(f"refused: {words}", hint=f"try another than {words}")
