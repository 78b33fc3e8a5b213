"""A maker that claims to have pushed its image, for devices that pull nothing."""

from dataclasses import dataclass

from lading import Description, Image, ImageRequest, Options, hookimpl


@dataclass(frozen=True)
class StampOptions(Options):
    reference: str = "registry.example/salary@{digest}"
    """What the devices pull; `{digest}` is that of the package."""

    platform: str = "linux/amd64"
    """What it is for."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="a name for an image", api=1, options=StampOptions)


@hookimpl
def lading_image(request: ImageRequest[StampOptions]) -> Image:
    digest, options = f"sha256:{request.package.digest}", request.options
    return Image(reference=options.reference.replace("{digest}", digest), digest=digest, platform=options.platform)
