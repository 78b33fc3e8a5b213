"""Build images with a container engine, Docker or Podman, at DOCKER_HOST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Description, hookimpl

from .options import DockerOptions

if TYPE_CHECKING:  # a deploy with nothing to do imports only the options
    from lading import Context, Image, ImageRequest


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="container images, built and pushed by Docker or Podman",
        api=1,
        options=DockerOptions,
        libraries=("lading",),
    )


@hookimpl
def lading_image(request: ImageRequest[DockerOptions], context: Context) -> Image:
    from .making import make

    return make(request, context)
