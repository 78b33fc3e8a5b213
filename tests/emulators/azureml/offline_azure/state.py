"""The state of the emulator as plain values, so that a test can read it as JSON."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .messages import Refusal

Record = dict[str, Any]  # an object as it is sent


@dataclass
class Settings:
    """The settings that a test may change."""

    polls: int = 0  # of an operation, before it is finished
    token_seconds: int = 3600
    managed_identity: bool = False
    start_seconds: float = 120.0  # time limit for a service to respond before its deployment fails
    subscriptions_hidden: bool = False
    admin_user: bool = True  # of the container registry
    lists_lag: int = 0  # lists of models that a new model is not in yet
    reads_lag: int = 0  # reads of a service that show its state before the last change
    deletes_last: bool = False  # whether a delete of a service is an operation
    retry_after: int = 1  # seconds between two queries of an operation of Resource Manager
    denied: list[str] = field(default_factory=list)  # actions that the client has no role for
    denied_on_group: list[str] = field(default_factory=list)  # the same, of a role on the workspace only
    taken_names: list[str] = field(default_factory=list)  # of endpoints of other customers in the region
    cores: int = 100  # quota of each family of machines
    unregistered: list[str] = field(default_factory=list)  # providers that the subscription is not registered for
    no_capacity: list[str] = field(default_factory=list)  # instance types that the region has no machines of
    registry_end: str = "Succeeded"  # the state of a new model of a registry at the end
    images: str = ""  # folder of unpacked images, see `v2.images`
    engine: str = ""  # address of a container engine that pulls and runs images
    clusters: dict[str, str] = field(default_factory=dict)  # the kubeconfig of each cluster of AKS, by its name


@dataclass
class Resources:
    """The part of a workspace that SDK v2 sees, by name.

    Assets have the key `name:version`, and deployments `endpoint/deployment`.
    """

    models: dict[str, Record] = field(default_factory=dict)
    codes: dict[str, Record] = field(default_factory=dict)
    environments: dict[str, Record] = field(default_factory=dict)
    data: dict[str, Record] = field(default_factory=dict)
    endpoints: dict[str, Record] = field(default_factory=dict)
    keys: dict[str, Record] = field(default_factory=dict)
    deployments: dict[str, Record] = field(default_factory=dict)
    operations: dict[str, Record] = field(default_factory=dict)


@dataclass
class Registry:
    """A registry, with its models and the containers of their files by `name:version`."""

    name: str
    resource_group: str
    location: str
    models: dict[str, Record] = field(default_factory=dict)
    containers: dict[str, str] = field(default_factory=dict)


@dataclass
class Workspace:
    """A workspace with its content by name or id."""

    subscription_id: str
    resource_group: str
    name: str
    location: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    experiments: dict[str, Record] = field(default_factory=dict)
    runs: dict[str, Record] = field(default_factory=dict)
    metrics: dict[str, list[Record]] = field(default_factory=dict)
    artifacts: dict[str, Record] = field(default_factory=dict)
    assets: dict[str, Record] = field(default_factory=dict)
    models: dict[str, Record] = field(default_factory=dict)
    images: dict[str, Record] = field(default_factory=dict)
    services: dict[str, Record] = field(default_factory=dict)
    keys: dict[str, Record] = field(default_factory=dict)
    computes: dict[str, Record] = field(default_factory=dict)
    operations: dict[str, Record] = field(default_factory=dict)
    v2: Resources = field(default_factory=Resources)
    unlisted: dict[str, int] = field(default_factory=dict)  # the lists that a new model is still missing in
    stale: dict[str, list[Record]] = field(default_factory=dict)  # the next answers about a service
    counter: int = 0

    @property
    def scope(self) -> str:
        return workspace_scope(self.subscription_id, self.resource_group, self.name)

    @property
    def container(self) -> str:
        """The container of its blobs."""
        return f"azureml-{self.id}"

    def next(self) -> int:
        """A number that was not used before."""
        self.counter += 1
        return self.counter


@dataclass
class World:
    """One tenant, one client with a secret, one subscription, its resource groups and workspaces."""

    tenant_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = field(default_factory=lambda: f"canary-client-secret-{secrets.token_hex(8)}")
    subscription_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    settings: Settings = field(default_factory=Settings)
    tokens: dict[str, float] = field(default_factory=dict)  # the expiry of each, in epoch seconds
    issued: list[str] = field(default_factory=list)  # all credentials, including expired and replaced ones
    groups: dict[str, Record] = field(default_factory=dict)
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    registries: dict[str, Registry] = field(default_factory=dict)
    counter: int = 0
    operations: dict[str, Record] = field(default_factory=dict)
    autoscale: dict[str, Record] = field(default_factory=dict)  # of Azure Monitor, by `group/name`

    def add_workspace(self, group: str, name: str, location: str) -> Workspace:
        workspace = Workspace(self.subscription_id, group, name, location)
        self.workspaces[workspace.scope.lower()] = workspace
        return workspace

    def add_registry(self, group: str, name: str, location: str) -> Registry:
        self.registries[name] = Registry(name, group, location)
        return self.registries[name]

    def next(self) -> int:
        """A number that was not used before."""
        self.counter += 1
        return self.counter

    def add_group(self, name: str, location: str) -> Record:
        record = {
            "id": f"/subscriptions/{self.subscription_id}/resourceGroups/{name}",
            "name": name,
            "location": location,
            "properties": {"provisioningState": "Succeeded"},
        }
        self.groups[name.lower()] = record
        return record

    def issue(self, secret: str) -> str:
        """Record a credential that must not appear anywhere."""
        self.issued.append(secret)
        return secret

    def expire_tokens(self) -> None:
        self.tokens = dict.fromkeys(self.tokens, 0.0)

    def workspace(self, subscription: str, group: str, name: str) -> Workspace:
        found = self.workspaces.get(workspace_scope(subscription, group, name).lower())
        if found is None:
            kind = f"Microsoft.MachineLearningServices/workspaces/{name}"
            raise Refusal(
                404, "ResourceNotFound", f"The Resource '{kind}' under resource group '{group}' was not found."
            )
        return found


def workspace_scope(subscription: str, group: str, name: str) -> str:
    provider = "providers/Microsoft.MachineLearningServices/workspaces"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/{name}"


def now() -> str:
    """The current time in the service's format."""
    return datetime.now(UTC).isoformat()
