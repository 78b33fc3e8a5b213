"""An IoT hub in memory, behind the port of the target `iot-edge`, and deployments to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.hook_kit import MemoryContext, context_in
from tests.targets.target_kit import id_of, package_in, tags_of

from lading import Deployment, DeployRequest, DeployStep, Image, Json, Verdict
from lading_iotedge import device, fleet
from lading_iotedge.content import base
from lading_iotedge.options import IotEdgeOptions
from lading_iotedge.port import AGENT, ROUTER, Configuration, Hub, Identity, Twin

HOST = "h.azure-devices.net"
WRONG = Verdict(up=False, reason="expected 1")
UP = Verdict(up=True)


WHOLE: Mapping[str, Json] = {AGENT: {"properties.desired": {"modules": {}}}}
SITE = Configuration(id="site", etag="e", priority=0, labels={}, metrics={}, content=WHOLE)
"""The whole deployment below all layers, of another owner."""


@dataclass
class MemoryHub:
    """One hub.

    `edge` says for each device whether it is an IoT Edge device. `asked` are the calls that change something.

    A query returns the twins under the first text of `selected` that it contains.
    """

    name: str = HOST
    edge: dict[str, bool] = field(default_factory=dict)
    twins: dict[tuple[str, str], Twin] = field(default_factory=dict)
    found: dict[str, Configuration] = field(default_factory=dict)
    created: list[Mapping[str, Json]] = field(default_factory=list)
    objections: tuple[str, ...] = ()
    tested: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    selected: dict[str, tuple[Twin, ...]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    others: tuple[Configuration, ...] = (SITE,)
    queries: list[str] = field(default_factory=list)
    logs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, device: str, **more: Any) -> None:
        """Add an IoT Edge device that runs only IoT Edge itself."""
        self.edge[device] = True
        content = base("1.6")
        self.twins[device, AGENT] = Twin(device, content[AGENT], 1, {"lastDesiredVersion": 1}, **more)
        self.twins[device, ROUTER] = Twin(device, content[ROUTER], 1, {})
        self.twins[device, ""] = Twin(device, {}, 1, {}, **more)

    def agent(self, device: str) -> Twin:
        return self.twins[device, AGENT]

    def change(self, device: str, **more: Any) -> None:
        """Change the twin of a device's agent."""
        self.twins[device, AGENT] = replace(self.agent(device), **more)

    def modules(self, device: str) -> dict[str, Json]:
        """The desired content of a device."""
        found: dict[str, Json] = self.agent(device).desired["modules"]
        return found

    def report(self, device: str, status: str = "running", code: int = 200, **more: Any) -> None:
        """Let a device report all of its desired modules in one state."""
        agent = self.agent(device)
        modules = {
            name: {**module, "runtimeStatus": status, **more} for name, module in agent.desired["modules"].items()
        }
        reported = {
            "lastDesiredVersion": agent.version,
            "lastDesiredStatus": {"code": code, "description": ""},
            "modules": modules,
        }
        self.change(device, reported=reported)

    def identity(self, device: str) -> Identity | None:
        edge = self.edge.get(device)
        return None if edge is None else Identity(edge=edge, parent=self.parents.get(device, ""))

    def twin(self, device: str, module: str = "") -> Twin | None:
        return self.twins.get((device, module))

    def apply(self, device: str, content: Mapping[str, Json]) -> None:
        self.asked.append(f"apply {device}")
        for module, part in content.items():
            before = self.twins.get((device, module), Twin(device, {}, 0, {}))
            changed = replace(before, desired=part["properties.desired"], version=before.version + 1)
            self.twins[device, module] = changed

    def configurations(self) -> tuple[Configuration, ...]:
        return (*self.found.values(), *self.others)

    def configuration(self, name: str) -> Configuration | None:
        return self.found.get(name)

    def create(self, configuration: Mapping[str, Json]) -> None:
        self.asked.append(f"create {configuration['id']}")
        self.created.append(configuration)
        self.put(configuration["id"], configuration["priority"], configuration["labels"])
        condition, content = configuration["targetCondition"], configuration["content"]["modulesContent"]
        self.found[configuration["id"]] = replace(self.found[configuration["id"]], condition=condition, content=content)

    def edit(self, name: str, **fields: Any) -> None:
        """Change an automatic deployment like somebody in the portal."""
        self.found[name] = replace(self.found[name], **fields)

    def put(self, name: str, priority: int, labels: Mapping[str, str], **counts: int) -> None:
        self.found[name] = Configuration(id=name, etag="e", priority=priority, labels=labels, metrics=counts)

    def count(self, name: str, **counts: int) -> None:
        """Set the counts of the hub: `targetedCount`, `appliedCount`, and those of Lading's metrics."""
        self.found[name] = replace(self.found[name], metrics=counts)

    def delete(self, configuration: Configuration) -> None:
        self.asked.append(f"delete {configuration.id}")
        self.found.pop(configuration.id, None)

    def test(self, condition: str, queries: Mapping[str, str]) -> tuple[str, ...]:
        self.tested.append((condition, queries))
        return self.objections

    def query(self, text: str, *, limit: int | None = None) -> Iterator[Twin]:
        self.queries.append(text)
        chosen = next((twins for part, twins in self.selected.items() if part in text), ())
        yield from chosen[:limit]

    def module_log(self, device: str, module: str, tail: int) -> tuple[str, ...]:
        return self.logs.get(f"{device}/{module}", ())[-tail:]


@dataclass
class Scene:
    """A deployment to the hub: the arguments that the framework passes to each hook."""

    hub: MemoryHub
    context: MemoryContext

    def deployment(self, written: Mapping[str, Json] | None = None, **options: Any) -> Deployment[IotEdgeOptions]:
        made = IotEdgeOptions(hub=HOST, **options)
        return Deployment(service="salary", target="t", options=made, written=written or {})

    def request(
        self,
        release: int = 1,
        *,
        image: str = "registry.example/salary:1",
        built_for: str = "linux/amd64",
        **options: Any,
    ) -> DeployRequest[IotEdgeOptions]:
        package = package_in(self.context.work.parent)
        return DeployRequest(
            deployment=self.deployment(**options),
            package=package,
            release=release,
            release_id=id_of(release),
            tags=tags_of(package, release=release),
            image=Image(reference=image, digest="sha256:" + 64 * "0", platform=built_for),
        )

    def step(self, request: DeployRequest[IotEdgeOptions], verdict: Verdict | None = None) -> DeployStep:
        """One step of a release, to one device or to a fleet."""
        port: Hub = self.hub
        take = fleet.step if request.deployment.options.device is None else device.step
        return take(replace(request, verdict=verdict), self.context, port)


def scene_in(folder: Path) -> Scene:
    """A deployment that does not exist yet, on a hub without devices."""
    return Scene(hub=MemoryHub(), context=context_in(folder, USER="porter", PASSWORD="s3cr3t"))
