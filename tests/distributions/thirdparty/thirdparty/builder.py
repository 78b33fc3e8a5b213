"""A maker of images, which needs two steps for each image."""

from dataclasses import dataclass

from lading import Context, Description, Image, ImageRequest, Options, Pending, StageFailed, hookimpl

from . import Wrong, note


@dataclass(frozen=True)
class BuilderOptions(Options):
    base: str = "oak"
    """The image that it starts from."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="makes images", api=1, options=BuilderOptions)


@hookimpl
def lading_image(request: ImageRequest[BuilderOptions], context: Context) -> Image | Pending | Wrong:
    misbehaviour = note("lading_image", push=str(request.push), model=request.tags["lading.model"][:6])
    if misbehaviour is not None:
        return misbehaviour
    if request.force:
        context.progress("building again")
    if request.options.base.startswith("rotten"):
        nails = tuple(f"nail {number} into {request.options.base}" for number in range(50))
        raise StageFailed(f"the wood breaks\n{nails[-1]}", log=nails)
    mark = context.work / f"{request.options.base}-{request.package.digest}"
    if not mark.exists():
        context.intend(f"image/{request.package.digest}")
        mark.touch()
        return Pending(phase="building", detail=request.options.base, retry_after=0.05)
    return Image(
        reference=f"{request.options.base}/{request.service}",
        digest=f"sha256:{request.package.digest}",
        platform="linux/amd64",
    )
