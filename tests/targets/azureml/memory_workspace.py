"""A workspace in memory, behind the port of the Azure ML plugins: the calls that it received, and its responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from tests.hook_kit import MemoryContext, context_in
from tests.targets.target_kit import id_of, package_in, tags_of

from lading import Deployment, DeployRequest, Json, LadingError, Transient
from lading_azureml.connection import AzureConnection
from lading_azureml.port import (
    AzureWorkspace,
    BuiltImage,
    Compute,
    Image,
    NewModel,
    Operation,
    Place,
    RegisteredModel,
    Service,
    ServiceKeys,
    ServiceSpec,
    Taken,
)
from lading_azureml.runs import LoggedRun, Steps
from lading_azureml_services.options import ServiceOptions

LOST = Transient("nobody answered")

ServiceT = TypeVar("ServiceT", bound=ServiceOptions)


@dataclass
class MemoryWorkspace:
    """One workspace.

    `refusals` are errors of the next calls by name, raised before an effect; those in `lost` are raised after it. A new
    service stays invisible for the first `hidden` queries. A new model is missing in the first `unlisted` lists. The
    services in `stale` answer the next queries. With `unread`, a delete is accepted and changes nothing.
    `registry` is the error of a look at the container registry.
    """

    services: dict[str, Service] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    computes: dict[str, Compute] = field(default_factory=dict)
    keys: dict[str, ServiceKeys] = field(default_factory=dict)
    service_logs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    build_logs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    models: list[RegisteredModel] = field(default_factory=list)
    refusals: dict[str, LadingError] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    hidden: int = 0
    unlisted: int = 0
    stale: list[Service] = field(default_factory=list)
    unread: bool = False
    registry: LadingError | None = None
    specs: list[ServiceSpec] = field(default_factory=list)
    made: list[tuple[str, object]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)

    def settle(self, name: str, state: str = "healthy", **more: Any) -> None:
        """Let a service and its operation reach their final state."""
        self.services[name] = replace(self.services[name], state=state, **more)
        for key, operation in self.operations.items():
            self.operations[key] = replace(operation, state="Succeeded")

    def forget_operations(self) -> None:
        """Let Azure forget every operation."""
        self.operations.clear()

    def model(self, name: str, version: int) -> RegisteredModel | None:
        self.looks.append(f"model {name}:{version}")
        return next((model for model in self.models if (model.name, model.version) == (name, version)), None)

    def find_model(self, name: str, sha256: str) -> RegisteredModel | None:
        self.looks.append(f"models {name}")
        if self.unlisted:
            self.unlisted -= 1
            return None
        return self.find_unlisted_model(name, sha256)

    def find_unlisted_model(self, name: str, sha256: str) -> RegisteredModel | None:
        return next((model for model in self.models if (model.name, model.sha256) == (name, sha256)), None)

    def register_model(self, model: NewModel) -> RegisteredModel:
        self.looks.append(f"register {model.name}")
        number = len(self.models) + 1
        self.models.append(RegisteredModel(model.name, version=number, sha256=model.properties["lading.sha256"]))
        self._lose("register")
        return self.models[-1]

    def find_service(self, name: str) -> Service | None:
        if self.hidden and name in self.services:
            self.hidden -= 1
            return None
        if self.stale:
            return self.stale.pop(0)
        return self.services.get(name)

    def all_services(self) -> Sequence[Service]:
        return list(self.services.values())

    def check_registry(self) -> None:
        if self.registry is not None:
            raise self.registry

    def create_service(self, spec: ServiceSpec) -> str | None:
        if spec.name in self.services:
            raise Taken(f"there is a service {spec.name}")
        return self._deploy("create", spec)

    def update_service(self, spec: ServiceSpec) -> str | None:
        return self._deploy("update", spec)

    def _deploy(self, what: str, spec: ServiceSpec) -> str:
        self._ask(what)
        self.specs.append(spec)
        self.services[spec.name] = Service(
            name=spec.name,
            kind=spec.kind,
            state="transitioning",
            error={},
            tags=spec.tags,
            scoring_uri=f"https://{spec.name}.example/score",
            auth=_auth(spec.settings),
        )
        name = f"operation-{len(self.specs)}"
        self.operations[name] = Operation(state="Running", part="DeployService", error={})
        self._lose(what)
        return name

    def _lose(self, what: str) -> None:
        if what in self.lost:
            self.lost.discard(what)
            raise LOST

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.refusals:
            raise self.refusals.pop(what)

    def delete_service(self, name: str) -> str | None:
        self._ask("delete")
        if not self.unread:
            self.services[name] = replace(self.services[name], state="deleting")
        self._lose("delete")
        return "deletion" if "deletion" in self.operations else None

    def operation(self, operation_id: str, offset: int) -> Operation | None:
        if operation_id not in self.operations:
            return None
        found = self.operations[operation_id]
        text = "".join(f"{line}\n" for line in found.lines)[offset:]
        return replace(found, lines=tuple(text.splitlines()), length=len(text))

    def build_log(self, url: str) -> Sequence[str]:
        return self.build_logs[url]

    def service_log(self, name: str, tail: int) -> Sequence[str]:
        self._ask("log")
        return self.service_logs.get(name, ())[-tail:]

    def service_keys(self, service: Service) -> ServiceKeys | None:
        return self.keys.get(service.name)

    def rotate_key(self, service: Service, which: str) -> str | None:
        self._ask(f"rotate {which}")
        kept = self.keys[service.name]
        primary = which == "primary"
        self.keys[service.name] = replace(kept, primary="new") if primary else replace(kept, secondary="new")
        return "rotation" if "rotation" in self.operations else None

    def find_compute(self, name: str) -> Compute | None:
        return self.computes.get(name)

    def create_compute(self, name: str, settings: Mapping[str, Any]) -> None:
        self.made.append((name, settings))
        self.computes[name] = Compute(name=name, kind="AKS", state="creating")

    def attach_compute(self, name: str, resource_id: str) -> None:
        self.made.append((name, resource_id))
        self.computes[name] = Compute(name=name, kind="AKS", state="creating")

    def begin_run(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> LoggedRun:
        raise AssertionError("no target tracks runs")

    def log(self, experiment: str, run_id: str, values: Mapping[str, Json], steps: Steps) -> None:
        raise AssertionError("no target tracks runs")

    def attach(self, experiment: str, run_id: str, files: Mapping[str, Path]) -> tuple[str, ...]:
        raise AssertionError("no target tracks runs")

    def end_run(self, experiment: str, run_id: str, error: str | None) -> None:
        raise AssertionError("no target tracks runs")

    def find_image(self, repository: str, label: str) -> BuiltImage | None:
        raise AssertionError("no target builds images")

    def build_image(self, image: Image, repository: str, label: str) -> str:
        raise AssertionError("no target builds images")


def _auth(settings: Mapping[str, Any]) -> str:
    if settings.get("token_auth_enabled"):
        return "token"
    return "key" if settings["auth_enabled"] else "none"


@dataclass
class Scene:
    """A deployment to the workspace: the arguments that the framework passes to each hook."""

    workspace: MemoryWorkspace
    context: MemoryContext

    def request(self, options: ServiceT, release: int = 1, **more: Any) -> DeployRequest[ServiceT]:
        """A request to deploy a release. Another `digest` means another package."""
        package = package_in(self.context.work.parent, more.pop("digest", "d" * 64))
        deployment = self.deployment(options, **more)
        tags = tags_of(package, service=deployment.service, release=release)
        return DeployRequest(
            deployment=deployment, package=package, release=release, release_id=id_of(release), tags=tags
        )

    def deployment(self, options: ServiceT, service: str = "salary", target: str = "t") -> Deployment[ServiceT]:
        return Deployment(service=service, target=target, options=options)

    def service(self, **more: Any) -> Service:
        """Add a service of this project to the workspace."""
        tags = {"lading.service": "salary", "lading.target": "t", "lading.package": "p", "lading.model": "m"}
        uri = "https://salary.example/score"
        plain = {"kind": "ACI", "state": "healthy", "error": {}, "tags": tags, "scoring_uri": uri, "auth": "key"}
        self.workspace.services["salary"] = Service(name="salary", **{**plain, **more})
        return self.workspace.services["salary"]


def scene_in(folder: Path) -> Scene:
    """A deployment that does not exist yet, in an empty workspace."""
    workspace = MemoryWorkspace()
    port: AzureWorkspace = workspace
    place = Place(subscription_id="s", resource_group="g", workspace="w")
    connection = AzureConnection(name="azureml", place=place, experiment=None, workspace=port)
    return Scene(workspace=workspace, context=context_in(folder, connection, FIRST="k1", SECOND="k2"))
