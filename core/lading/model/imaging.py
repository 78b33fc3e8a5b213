"""The types of the hook that makes images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic

from .environments import Environment
from .options import Json, OptionsT_co
from .records import Package


@dataclass(frozen=True, kw_only=True)
class ImageRequest(Generic[OptionsT_co]):
    """A package to be made into an image for `service`; `tags` go on the image as labels.

    `push` is True if the image must end in a registry, and False if it must stay on the engine that builds it. If it is
    None, the options of the plugin decide. With `force` it is made and pushed again, even if it exists with the same
    inputs. `environment` is the environment that the image installs, if the options say so.
    """

    package: Package
    options: OptionsT_co
    service: str
    tags: Mapping[str, str]
    push: bool | None = None
    force: bool = False
    environment: Environment | None = None


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image that serves a package on port 5001.

    `reference` is the reference that an engine runs or pulls. For a pushed image it is `repository@sha256:…`, else the
    image's id or a name with a tag. `digest` is the `sha256:…` of its content: for a pushed image that of the manifest
    in the registry, else that of the image's configuration. `platform` has the form `linux/amd64`. `registry` is the
    host to pull from; it is empty if the image was not pushed. `extra` holds facts of the platform that have no field
    here, as JSON.
    """

    reference: str
    digest: str
    platform: str
    registry: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)
