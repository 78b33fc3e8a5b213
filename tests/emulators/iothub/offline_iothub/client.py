"""The hub from the side of a test: devices with tags, scripts and connections, and their desired and reported state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offline_azure.client import Cloud, Emulator

from .simulated import Behaviour

Record = dict[str, Any]

RUNTIME = "mcr.microsoft.com/azureiotedge"


class IotHub(Cloud):
    """A test's own hub, without devices. `connection_string` is of the owner policy, with a canary as its key."""

    def __init__(self, emulator: Emulator, home: Path) -> None:
        super().__init__(emulator, home)
        self.host = self._world["host"]
        self.connection_string = self._world["connection_string"]

    def add_device(
        self,
        *names: str,
        edge: bool = True,
        tags: Mapping[str, Any] = {},
        reported: Mapping[str, Any] = {},
        platform: Mapping[str, str] = {},
        engine: str | None = None,
        parent: str = "",
        seen: bool = True,
    ) -> None:
        """Add connected devices that run nothing.

        `reported` belongs to the device twin. `platform` has `os`, by default linux, and `architecture`, by default
        x86_64. With the address of an `engine`, as in DOCKER_HOST, their modules are containers and the platform is the
        engine's. Otherwise they are simulated. A nested device reaches the hub through its `parent`. A device
        that is not `seen` has never connected."""
        fields = {"edge": edge, "tags": tags, "reported": reported, "platform": platform, "engine": engine}
        fields |= {"parent": parent, "seen": seen}
        self._change("/devices", names, **fields)

    def add_fleet(self, count: int, **fields: Any) -> list[str]:
        """Add `count` simulated devices, named device-0001 and so on. The fields are those of `add_device`."""
        names = [f"device-{number:04}" for number in range(1, count + 1)]
        self.add_device(*names, **fields)
        return names

    def tag(self, *names: str, **tags: Any) -> None:
        """Merge into the tags of the devices' twins. None removes a tag."""
        self._change("/devices/tags", names, tags=tags)

    def disconnect(self, *names: str) -> None:
        """Disconnect devices until they are connected again."""
        self._change("/devices/connection", names, connected=False)

    def connect(self, *names: str) -> None:
        self._change("/devices/connection", names, connected=True)

    def behave(self, *names: str, behaviours: Iterable[Behaviour] = ()) -> None:
        """Set the behaviour of simulated devices after the next change. Without behaviours, everything succeeds."""
        self._change("/devices/behaviour", names, behaviours=[asdict(behaviour) for behaviour in behaviours])

    def apply(self, *names: str, content: Record) -> None:
        """Give devices content like an operator outside the test."""
        self._change("/devices/content", names, content=content)

    def compete(self, *names: str, content: Record | None) -> None:
        """Let another writer apply its content after each write to the devices. None ends that."""
        self._change("/devices/rival", names, content=content)

    def edit(self, device: str, change: Callable[[Record, Record], object]) -> None:
        """Edit the content of a device like somebody in the portal. `change` gets the desired state of its agent, and
        that of its router.
        """
        twins = self.state["devices"][device]["modules"]
        desired = {
            name: {key: value for key, value in twins[name]["properties"]["desired"].items() if key[0] != "$"}
            for name in ("$edgeAgent", "$edgeHub")
        }
        change(desired["$edgeAgent"], desired["$edgeHub"])
        parts = {name: {"properties.desired": properties} for name, properties in desired.items()}
        self.apply(device, content={"modulesContent": parts})

    @property
    def state(self) -> Record:
        """`devices` by id, as twins with those of their `modules`, and `configurations` by id."""
        state: Record = self._emulator.ask("GET", "/state")
        return state

    def agent(self, device: str) -> Record:
        """The desired and reported state of a device's agent, as in its twin."""
        properties: Record = self.state["devices"][device]["modules"]["$edgeAgent"]["properties"]
        return properties

    def settle(self, seconds: float = 240) -> None:
        """Wait until every connected device has reached its desired state. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self._emulator.ask("GET", "/settled"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the devices have not settled within {seconds} seconds")
            time.sleep(0.05)

    def _change(self, path: str, names: Iterable[str], **fields: Any) -> None:
        self._emulator.ask("POST", path, {"names": list(names), **fields})


def content(**modules: str | Record) -> Record:
    """The content of a deployment: modules by name, each with an image or a complete specification."""
    return {
        "modulesContent": {
            "$edgeAgent": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "runtime": {"type": "docker", "settings": {"minDockerVersion": "v1.25"}},
                    "systemModules": {
                        "edgeAgent": {
                            "type": "docker",
                            "settings": {"image": f"{RUNTIME}-agent:1.5"},
                        },
                        "edgeHub": {
                            "type": "docker",
                            "status": "running",
                            "restartPolicy": "always",
                            "settings": {"image": f"{RUNTIME}-hub:1.5", "createOptions": "{}"},
                        },
                    },
                    "modules": {name: _module(module) for name, module in modules.items()},
                }
            },
            "$edgeHub": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "routes": {},
                    "storeAndForwardConfiguration": {"timeToLiveSecs": 7200},
                }
            },
        }
    }


def _module(module: str | Record) -> Record:
    if isinstance(module, dict):
        return module
    settings = {"image": module, "createOptions": "{}"}
    return {"type": "docker", "status": "running", "restartPolicy": "always", "settings": settings}
