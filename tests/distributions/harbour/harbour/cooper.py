"""A maker of images: barrels, which take a moment to be hooped."""

from dataclasses import dataclass

from lading import Description, Image, Options, Pending, hookimpl

from . import note


@dataclass(frozen=True)
class CooperOptions(Options):
    wood: str = "oak"
    """What the staves are of."""


@hookimpl
def lading_describe():
    return Description(summary="makes barrels", options=CooperOptions)


@hookimpl
def lading_image(request, context):
    misbehaviour = note("lading_image", push=str(request.push), model=request.tags["lading.model"][:6])
    if misbehaviour is not None:
        return misbehaviour
    barrel = context.work / f"{request.options.wood}-{request.package.digest}"
    if not barrel.exists():
        context.intend(f"barrel/{request.package.digest}")
        barrel.touch()
        return Pending("hooping", request.options.wood, retry_after=0.05)
    return Image(f"{request.options.wood}/{request.service}", f"sha256:{request.package.digest}", "linux/amd64")
