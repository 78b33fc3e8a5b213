"""A maker of images: the workspace builds the package, and keeps the image in its container registry."""

from __future__ import annotations

from lading import Context, Description, Image, ImageRequest, Pending, hookimpl

from .options import ImageOptions


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="an image that an Azure ML workspace builds and keeps", options=ImageOptions, connection="azureml"
    )


@hookimpl
def lading_image(request: ImageRequest, context: Context) -> Image | Pending:
    from .imaging import make

    return make(request, context)
