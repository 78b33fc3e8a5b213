"""The options of a connection to an Azure ML workspace, and of the environments and images that are built there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from lading import BadInput, InputPath, Json, Options, Text

from .portal import names_in

if TYPE_CHECKING:
    from lading import Installs

Name = Annotated[str, Text(min_length=1, max_length=260)]
Experiment = Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$")]
Variable = Annotated[str, Text(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
REPOSITORY = r"^[a-z0-9]+(?:[._/-][a-z0-9]+)*$"
_NEW_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}"
_PLACE = ("subscription_id", "resource_group", "workspace")


@dataclass(frozen=True)
class BaseImageRegistry(Options):
    """The private registry of a base image, and the environment variables that have its credentials."""

    address: Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]*$", max_length=260)]
    """Host name of the registry, without a scheme."""

    username: Variable
    """Name of the environment variable that has the user."""

    password: Variable
    """Name of the environment variable that has the password."""


@dataclass(frozen=True)
class EnvironmentOptions(Options):
    """The base of a package's environment."""

    base_image: Name | None = None
    """Docker image that the package's environment is built on, instead of Azure ML's own."""

    dockerfile: InputPath | None = None
    """Dockerfile of the image that the package's environment is built on."""

    base_image_registry: BaseImageRegistry | None = None
    """Private registry that Azure pulls the base image from, and its credentials. Azure ML keeps them."""

    @property
    def installs(self) -> Installs:
        from .servers import INSTALLS

        return INSTALLS

    def __post_init__(self) -> None:
        if self.base_image and self.dockerfile:
            raise ValueError("dockerfile: base_image and dockerfile exclude each other; keep one")
        if self.base_image_registry and not (self.base_image or self.dockerfile):
            raise ValueError("base_image_registry: it needs base_image or dockerfile")


@dataclass(frozen=True)
class ImageOptions(EnvironmentOptions):
    """An image that the workspace builds, and keeps in its container registry."""

    repository: Annotated[str, Text(pattern=REPOSITORY, max_length=255)] | None = None
    """Name of the image in the registry; by default the name of the service."""


@dataclass(frozen=True)
class WorkspaceOptions(Options):
    """The workspace is named by `subscription_id`, `resource_group` and `workspace`, or by `config`."""

    placed_by = (*_PLACE, "config", "cloud")

    subscription_id: Name | None = None
    """Id of the subscription; a reference such as `${AZURE_SUBSCRIPTION_ID}` keeps it out of the file."""

    resource_group: Name | None = None
    """The resource group that holds the workspace."""

    workspace: Name | None = None
    """Name of the workspace."""

    config: InputPath | None = None
    """The `config.json` of the workspace from the Azure portal, instead of the three names above."""

    auth: Literal["service-principal", "managed-identity", "cli", "interactive"] | None = None
    """How to sign in. Without it: a service principal in `AZURE_*` variables, one in `AZUREML_SERVICE_PRINCIPAL_*`
    variables, managed identity, then `az login`. `interactive` opens a browser, only on a terminal.
    """

    cloud: Literal["AzureCloud", "AzureChinaCloud", "AzureUSGovernment"] = "AzureCloud"
    """The Azure cloud that has the workspace."""

    @property
    def placed_at(self) -> Mapping[str, Any]:
        """The names of the workspace, read from `config` if it has them."""
        if self.config is None:
            return super().placed_at
        try:
            named = dict(zip(_PLACE, names_in(self.config), strict=True))
        except BadInput:  # reported when the connection is opened
            named = {}
        return {**super().placed_at, **named, "config": None if named else self.config}

    @classmethod
    def place_of(cls, service: str, values: Mapping[str, Json]) -> Json:  # noqa: ARG003 - a workspace has no service
        """Azure ignores the case of names."""
        return {name: value.lower() if isinstance(value, str) else value for name, value in values.items()}

    def __post_init__(self) -> None:
        given = [name for name in _PLACE if getattr(self, name)]
        if self.config and given:
            raise ValueError(f"{given[0]}: config names the workspace; keep one of the two")
        if not self.config and len(given) < len(_PLACE):
            missing = " and ".join(name for name in _PLACE if name not in given)
            raise ValueError(f"a workspace needs {missing}, or config with the portal's config.json")


@dataclass(frozen=True)
class AzureOptions(WorkspaceOptions):
    """A workspace that may be created, and the experiment of its runs."""

    location: Name | None = None
    """Azure region of a workspace that `create` makes, such as `southeastasia`."""

    create: bool = False
    """Create the workspace if it does not exist, before the first upload to it."""

    create_resource_group: bool = False
    """Create its resource group too if that does not exist."""

    experiment: Experiment | None = None
    """The experiment that runs are logged to; by default the name of the service."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.create and not self.location:
            raise ValueError("create: a new workspace needs a location")
        if self.create and self.config:
            raise ValueError("create: a new workspace needs the three names, not config")
        if self.create and not re.fullmatch(_NEW_NAME, self.workspace or ""):
            raise ValueError(
                "workspace: the name of a new one has 3 to 33 letters, digits, `-` and `_`, a letter or digit first"
            )
        if self.create_resource_group and not self.create:
            raise ValueError("create_resource_group: it needs create")
