"""An image that is said to have been pushed, for devices that pull nothing."""

from dataclasses import dataclass

from lading import Description, Image, Options, hookimpl


@dataclass(frozen=True)
class StampOptions(Options):
    reference: str = "yard.example/salary@{digest}"
    """What the devices pull; `{digest}` is that of the package."""

    platform: str = "linux/amd64"
    """What it is for."""


@hookimpl
def lading_describe():
    return Description(summary="a name for an image", options=StampOptions)


@hookimpl
def lading_image(request):
    digest, options = f"sha256:{request.package.digest}", request.options
    return Image(options.reference.replace("{digest}", digest), digest, options.platform)
