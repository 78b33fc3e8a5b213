"""What Lading asks of a workspace, in its own words; an SDK stands behind it.

Every method raises a `LadingError` for an expected failure: `Transient` where the same call may work later, with
`retry_after` where the service says when. Where nobody answered a call that may have had its effect, that is
`Transient` too: read before you ask again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from lading import Json, StageFailed

SHA256 = "lading.sha256"
"""The property of a registered model that has the digest of its file."""


class Taken(StageFailed):
    """There is something of that name already."""


class OverQuota(StageFailed):
    """A quota of the subscription or of a cluster is used up."""

    def __init__(self, what: str, said: str) -> None:
        hint = "ask for more under Quotas in the Azure portal, or ask for less in the target's block"
        super().__init__(f"{what} failed, a quota is used up: {said}", hint=hint)


@dataclass(frozen=True)
class Place:
    """Where a workspace is."""

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
    """A model to register. `run` is the id of its run in the workspace, and `experiment` that run's experiment."""

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
class LoggedRun:
    """A run of the workspace; `status` is Azure's word, `url` its page in the studio."""

    id: str
    status: str
    url: str
    metrics: frozenset[str]


@dataclass(frozen=True)
class Image:
    """What a service or an image runs: the source folder, the script in it, the environment, and the model.

    `server` is a requirement that is added to the environment; empty when it has a server already.
    """

    name: str
    source: Path
    script: str
    conda: Path
    server: str
    model: RegisteredModel
    base_image: str | None = None
    dockerfile: str | None = None


@dataclass(frozen=True)
class BuiltImage:
    """An image in the workspace's container registry, whose host is `registry`; `digest` is that of its manifest."""

    registry: str
    repository: str
    digest: str

    @property
    def reference(self) -> str:
        return f"{self.registry}/{self.repository}@{self.digest}"


@dataclass(frozen=True)
class ServiceSpec:
    """A service to create or to update. `settings` are arguments of the SDK's deploy configuration."""

    name: str
    kind: str
    image: Image
    tags: Mapping[str, str]
    settings: Mapping[str, Any] = field(repr=False)
    compute: str | None = None


@dataclass(frozen=True)
class Service:
    """A service of the workspace, as it is. `state` is Azure's word, in lower case; `auth` is key, token or none."""

    name: str
    kind: str
    state: str
    error: Mapping[str, Json]
    tags: Mapping[str, str]
    scoring_uri: str | None
    auth: str


@dataclass(frozen=True)
class Operation:
    """A long-running operation. `part` is what it does now; `lines` are those of its log past the offset that was asked
    for, and `length` how many characters these are.
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
    """A cluster of the workspace; `state` is in lower case."""

    name: str
    kind: str
    state: str
    error: str = ""


@dataclass(frozen=True)
class ServiceKeys:
    """Keys, or a token with the time when it ends (UTC)."""

    primary: str = field(repr=False)
    secondary: str | None = field(default=None, repr=False)
    expires: datetime | None = None


class AzureWorkspace(Protocol):
    """An open workspace."""

    def find_model(self, name: str, sha256: str) -> RegisteredModel | None:
        """The oldest version of a model that has these bytes."""

    def register_model(self, model: NewModel) -> RegisteredModel:
        """Upload a model and register it as the next version. It is asked for once, and never repeated unseen."""

    def begin_run(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> LoggedRun:
        """The run of that id; started where it does not exist."""

    def log(self, experiment: str, run_id: str, values: Mapping[str, Json]) -> None:
        """Log values to a run: numbers, text, and lists of them."""

    def end_run(self, experiment: str, run_id: str, error: str | None) -> None:
        """Complete a run, or fail it with an error."""

    def find_image(self, repository: str, label: str) -> BuiltImage | None:
        """The image under a label of a repository of the workspace's registry."""

    def build_image(self, image: Image, repository: str, label: str) -> str:
        """Ask for an image in the workspace's registry and return the id of the operation, without waiting for it."""

    def find_service(self, name: str) -> Service | None:
        """The service of that name, whosever it is."""

    def create_service(self, spec: ServiceSpec) -> str | None:
        """Ask for a new service and return the id of the operation, without waiting for it."""

    def update_service(self, spec: ServiceSpec) -> str | None:
        """Replace what a service runs and its settings, in place, without waiting for it."""

    def delete_service(self, name: str) -> None:
        """Ask for a service to be deleted, without waiting for it."""

    def operation(self, operation_id: str, offset: int) -> Operation:
        """An operation, and the lines of its log past `offset` characters."""

    def build_log(self, url: str) -> Sequence[str]:
        """The lines of the log of an image build."""

    def service_log(self, name: str, tail: int) -> Sequence[str]:
        """The last lines of the log of a service."""

    def service_keys(self, service: Service) -> ServiceKeys | None:
        """What a request must carry; None for a service that asks for nothing."""

    def rotate_key(self, service: Service, which: str) -> str | None:
        """Ask for a new `primary` or `secondary` key, and return the id of the operation."""

    def find_compute(self, name: str) -> Compute | None:
        """The cluster of that name."""

    def create_compute(self, name: str, settings: Mapping[str, Any]) -> None:
        """Ask for a new AKS cluster, without waiting for it."""

    def attach_compute(self, name: str, resource_id: str) -> None:
        """Attach an existing AKS cluster under a name, without waiting for it."""
