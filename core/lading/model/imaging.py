"""What crosses the hook that makes images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .environments import Environment
from .options import Options
from .records import Package


@dataclass(frozen=True)
class ImageRequest:
    """A package to be made into an image for `service`; `tags` go on the image as labels.

    `push` says whether the image must end in a registry (True), must stay where it is built (False), or whether the
    options of the plugin decide that (None). `environment` is what the image installs, if the options say so.
    """

    package: Package
    options: Options
    service: str
    tags: Mapping[str, str]
    push: bool | None = None
    environment: Environment | None = None


@dataclass(frozen=True)
class Image:
    """A container image that serves a package on port 5001.

    `reference` is what an engine runs or pulls: `repository@sha256:…` once it is pushed, else the image's id or a name
    with a tag. `digest` is the `sha256:…` that names its content there: of the manifest in the registry once it is
    pushed, else of the image's configuration. `platform` is such as `linux/amd64`; `registry` is the host to pull from,
    empty where the image was not pushed.
    """

    reference: str
    digest: str
    platform: str
    registry: str = ""
