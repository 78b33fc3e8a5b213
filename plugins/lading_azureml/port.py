"""The interface of a workspace in Lading's terms. An SDK implements it.

Every method raises a `LadingError` for an expected failure: `Transient` if the same call may work later, with
`retry_after` if the service gives a time. A lost answer is `Transient` too, although the call may have had its effect.
So read the state before you repeat a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from lading import Json, StageFailed

from .runs import Runs

SHA256 = "lading.sha256"
"""The property of a registered model with the digest of its file."""


class Taken(StageFailed):
    """An object with that name already exists."""


class NotAllowed(StageFailed):
    """The sign-in lacks an action or a role."""


class OverQuota(StageFailed):
    """A quota of the subscription or of a cluster is used up."""

    def __init__(self, what: str, said: str) -> None:
        hint = "ask for more under Quotas in the Azure portal, or ask for less in the target's block"
        super().__init__(f"{what} failed, a quota is used up: {said}", hint=hint)


class NoAdminUser(StageFailed):
    """The container registry of a workspace has no admin user, which Azure ML needs."""

    def __init__(self, registry: str, workspace: str) -> None:
        super().__init__(
            f"container registry {registry} of workspace {workspace} has no admin user, so no image in it can be found",
            hint=f"Azure ML needs that user: `az acr update --name {registry} --admin-enabled true`",
        )


@dataclass(frozen=True)
class Place:
    """The location of a workspace."""

    subscription_id: str
    resource_group: str
    workspace: str


@dataclass(frozen=True)
class RegisteredModel:
    """A model version of the workspace."""

    name: str
    version: int
    sha256: str | None

    @property
    def id(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True)
class NewModel:
    """A model to register. `run` is the id of its run in the workspace, and `experiment` is that run's experiment."""

    name: str
    file: Path
    file_name: str
    framework: str
    framework_version: str
    description: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    run: str | None = None
    experiment: str | None = None


@dataclass(frozen=True)
class RegistryAccount:
    """A container registry, and an account that may pull from it."""

    address: str
    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True)
class Image:
    """The content of a service or an image: the source folder, its script, the environment, and the models.

    `server` is a requirement to add to the environment; empty if the environment has a server already. `env` are the
    variables of the scoring script, and `registry` is the private registry of the base image.
    """

    name: str
    source: Path
    script: str
    conda: Path
    server: str
    models: tuple[RegisteredModel, ...]
    base_image: str | None = None
    dockerfile: str | None = None
    registry: RegistryAccount | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class BuiltImage:
    """An image in the workspace's container registry. `registry` is the host, and `digest` is that of the image's
    manifest.
    """

    registry: str
    repository: str
    digest: str

    @property
    def reference(self) -> str:
        return f"{self.registry}/{self.repository}@{self.digest}"


@dataclass(frozen=True)
class ServiceSpec:
    """A service to create or update. `settings` are arguments of the SDK's deploy configuration."""

    name: str
    kind: str
    image: Image
    tags: Mapping[str, str]
    settings: Mapping[str, Any] = field(repr=False)
    compute: str | None = None


@dataclass(frozen=True)
class Service:
    """A service of the workspace. `state` is Azure's term in lower case; `auth` is key, token or none."""

    name: str
    kind: str
    state: str
    error: Mapping[str, Json]
    tags: Mapping[str, str]
    scoring_uri: str | None
    auth: str
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True)
class Operation:
    """A long-running operation. `part` is its current activity.

    `lines` are the lines of its log after the requested offset, and `length` is their number of characters.
    """

    state: str
    part: str
    error: Mapping[str, Json]
    lines: tuple[str, ...] = ()
    length: int = 0
    log_url: str | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self.state in ("NotStarted", "Running")


@dataclass(frozen=True)
class Compute:
    """A cluster of the workspace. `state` is in lower case."""

    name: str
    kind: str
    state: str
    error: str = ""


@dataclass(frozen=True)
class ServiceKeys:
    """Keys, or a token with the time when it expires (UTC)."""

    primary: str = field(repr=False)
    secondary: str | None = field(default=None, repr=False)
    expires: datetime | None = None


class AzureWorkspace(Runs, Protocol):
    """An open workspace."""

    def model(self, name: str, version: int) -> RegisteredModel | None:
        """The model version with that id. A new one can be read by its id before a list shows it."""

    def find_model(self, name: str, sha256: str) -> RegisteredModel | None:
        """The oldest version of a model with these bytes. It is searched in a list, which can lag behind."""

    def find_unlisted_model(self, name: str, sha256: str) -> RegisteredModel | None:
        """The version of a model with these bytes among those that are newer than any version in the list."""

    def register_model(self, model: NewModel) -> RegisteredModel:
        """Upload a model and register it as the next version. Call it once; read the state before you repeat it."""

    def find_image(self, repository: str, label: str) -> BuiltImage | None:
        """The image with a label in a repository of the workspace's registry."""

    def build_image(self, image: Image, repository: str, label: str) -> str:
        """Request an image in the workspace's registry. Return the id of the operation without waiting for it."""

    def find_service(self, name: str) -> Service | None:
        """The service of that name, with any owner."""

    def all_services(self) -> Sequence[Service]:
        """All services of the workspace, with any owner."""

    def check_registry(self) -> None:
        """Raise NoAdminUser if the workspace has a container registry without its admin user."""

    def create_service(self, spec: ServiceSpec) -> str | None:
        """Request a new service. Return the id of the operation without waiting for it."""

    def update_service(self, spec: ServiceSpec) -> str | None:
        """Replace the content and settings of a service in place, without waiting."""

    def delete_service(self, name: str) -> str | None:
        """Request the deletion of a service, without waiting. Return the id of the operation if there is one."""

    def operation(self, operation_id: str, offset: int) -> Operation | None:
        """An operation, with the lines of its log after `offset` characters; None if Azure has forgotten it."""

    def build_log(self, url: str) -> Sequence[str]:
        """The lines of an image build's log."""

    def service_log(self, name: str, tail: int) -> Sequence[str]:
        """The last lines of a service's log."""

    def service_keys(self, service: Service) -> ServiceKeys | None:
        """The keys or token that a request must carry; None if the service requires neither."""

    def rotate_key(self, service: Service, which: str) -> str | None:
        """Request a new `primary` or `secondary` key. Return the id of the operation."""

    def find_compute(self, name: str) -> Compute | None:
        """The cluster of that name."""

    def create_compute(self, name: str, settings: Mapping[str, Any]) -> None:
        """Request a new AKS cluster, without waiting."""

    def attach_compute(self, name: str, resource_id: str) -> None:
        """Attach an existing AKS cluster under a name, without waiting for it."""
