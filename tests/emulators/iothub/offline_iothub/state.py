"""The state of the hub: its devices, their modules, its automatic deployments, and scheduled actions."""

from __future__ import annotations

import base64
import heapq
import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from offline_azure.messages import Refusal
from offline_azure.state import Record, World, now

from .query import Condition

POLICY = "iothubowner"
AGENT, EDGE_HUB = "$edgeAgent", "$edgeHub"
NEVER = "0001-01-01T00:00:00Z"


class Agent(Protocol):
    """The runtime of one device."""

    def wake(self) -> None:
        """Notify the device that it is connected, or that its desired state may have changed."""

    @property
    def settled(self) -> bool:
        """Whether the device has reached its desired state."""

    def logs(self, module: str, tail: int) -> str:
        """The last lines that a module printed."""

    def close(self) -> None:
        """Remove the device."""


@dataclass
class Twin:
    """Desired and reported properties, each with its own version. `version` belongs to the whole twin."""

    desired: Record = field(default_factory=dict)
    reported: Record = field(default_factory=dict)
    tags: Record = field(default_factory=dict)
    configurations: dict[str, Record] = field(default_factory=dict)
    desired_version: int = 1
    reported_version: int = 1
    version: int = 1
    updated: str = field(default_factory=now)

    def desire(self, properties: Record) -> None:
        self.desired = properties
        self.desired_version += 1
        self.touch()

    def report(self, properties: Record) -> None:
        self.reported = properties
        self.reported_version += 1
        self.touch()

    def touch(self) -> None:
        self.version += 1
        self.updated = now()

    @property
    def etag(self) -> str:
        return etag(self.version)

    @property
    def properties(self) -> Record:
        """The properties as they are sent."""
        metadata = {"$lastUpdated": self.updated}
        return {
            "desired": {**self.desired, "$metadata": metadata, "$version": self.desired_version},
            "reported": {**self.reported, "$metadata": metadata, "$version": self.reported_version},
        }


@dataclass
class Device:
    """One device. `platform` is the operating system and architecture that its agent reports."""

    id: str
    edge: bool
    platform: Record
    twin: Twin = field(default_factory=Twin)
    modules: dict[str, Twin] = field(default_factory=dict)
    connected: bool = True
    since: str = field(default_factory=now)
    keys: Record = field(default_factory=dict)
    agent: Agent | None = None
    parent: str = ""
    rival: Record | None = None  # the content that another writer applies after each write
    composed: tuple[str, ...] = ()  # the automatic deployments of its content

    def module(self, name: str) -> Twin:
        found = self.modules.get(name)
        if found is None:
            raise Refusal(404, "ModuleNotFound", f"Module {name} on device {self.id} not registered")
        return found

    def wake(self) -> None:
        if self.connected and self.agent is not None:
            self.agent.wake()

    def document(self, module: str = "") -> Record:
        """The twin of the device or of one of its modules, for responses and queries."""
        twin = self.modules[module] if module else self.twin
        shared = {
            "deviceId": self.id,
            **({"moduleId": module} if module else {}),
            "etag": twin.etag,
            "deviceEtag": self.twin.etag,
            "status": "enabled",
            "statusUpdateTime": NEVER,
            "connectionState": "Connected" if self.connected else "Disconnected",
            "lastActivityTime": self.since,
            "cloudToDeviceMessageCount": 0,
            "authenticationType": "sas",
            "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
            "modelId": "",
            "version": twin.version,
            "properties": twin.properties,
            "configurations": twin.configurations,
        }
        return shared if module else {**shared, "tags": twin.tags, "capabilities": {"iotEdge": self.edge}}


@dataclass
class Configuration:
    """An automatic deployment. `number` is the order of creation."""

    id: str
    number: int
    content: Record
    condition: str
    matches: Condition
    priority: int
    labels: Record
    queries: Record
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)
    version: int = 1

    @property
    def etag(self) -> str:
        return base64.b64encode(str(self.version).encode()).decode()

    @property
    def rank(self) -> tuple[int, int]:
        """Of two deployments for one device, the greater rank wins."""
        return self.priority, self.number


@dataclass
class Hub:
    """One hub and its tenant. `lock` protects all of it."""

    name: str
    tenant: World = field(default_factory=World)
    key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    devices: dict[str, Device] = field(default_factory=dict)
    configurations: dict[str, Configuration] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)  # signatures that are always refused
    signatures: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.tenant.issue(self.key)

    @property
    def host(self) -> str:
        return f"{self.name}.azure-devices.net"

    def number(self) -> int:
        return next(self._numbers)

    def device(self, identifier: str) -> Device:
        found = self.devices.get(identifier)
        if found is None:
            raise Refusal(404, "DeviceNotFound", f"Device {identifier} not registered")
        return found

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedule an action after a number of seconds. See `advance`."""
        heapq.heappush(self._due, (time.monotonic() + seconds, self.number(), action))

    def advance(self) -> None:
        """Run all actions that are due. This happens before each call, so that simulated devices need no threads."""
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()

    @property
    def settled(self) -> bool:
        """Whether every connected device has reached its desired state, and no action is scheduled."""
        agents = [device.agent for device in self.devices.values() if device.connected]
        return not self._due and all(agent.settled for agent in agents if agent is not None)

    def twins(self, *, modules: bool) -> Iterator[Record]:
        """All twins of devices, or all of modules, in the order of registration."""
        for device in self.devices.values():
            if modules:
                yield from map(device.document, device.modules)
            else:
                yield device.document()

    def close(self) -> None:
        for device in self.devices.values():
            if device.agent is not None:
                device.agent.close()


def etag(version: int) -> str:
    return base64.b64encode(version.to_bytes(8, "big")).decode()
