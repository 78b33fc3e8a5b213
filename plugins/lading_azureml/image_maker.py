"""Build images: the workspace builds the package and stores the image in its container registry."""

from __future__ import annotations

from lading import Context, Description, Image, ImageRequest, Pending, hookimpl

from .options import ImageOptions


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="an image that an Azure ML workspace builds and keeps",
        api=1,
        options=ImageOptions,
        connection="azureml",
    )


@hookimpl
def lading_image(request: ImageRequest[ImageOptions], context: Context) -> Image | Pending:
    from .imaging import make

    return make(request, context)
