"""The control API of the hub, for tests."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from offline_azure.controls import Control
from offline_azure.state import Record, now

from . import rollout
from .app import App
from .content import check_content
from .simulated import Simulated, behaviours
from .state import AGENT, EDGE_HUB, NEVER, POLICY, Agent, Device, Hub, Twin

HUBS = f"salary-hub-{os.getpid()}-"  # the prefix of all names of this process, on an engine that others also use
PLATFORM = {"os": "linux", "architecture": "x86_64"}


class HubControl(Control):
    """`POST /reset` starts a new hub. The other calls read and change the current one."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._hubs = 0
        changes = {
            "/devices": _add_devices,
            "/devices/tags": _tag,
            "/devices/connection": _connect,
            "/devices/behaviour": _behave,
            "/devices/content": _apply,
            "/devices/rival": _compete,
            "/settings": _set,
            "/tokens/expire": lambda hub, _: hub.tenant.expire_tokens(),
        }
        super().__init__(
            app,
            {
                ("POST", "/reset"): self._reset,
                ("GET", "/state"): lambda _: app.snapshot(_state),
                ("GET", "/settled"): lambda _: app.snapshot(lambda hub: hub.settled),
                ("GET", "/secrets"): lambda _: app.snapshot(lambda hub: [*hub.tenant.issued, hub.tenant.client_secret]),
                **{("POST", path): self._changing(change) for path, change in changes.items()},
            },
        )

    def _changing(self, change: Callable[[Hub, Record], object]) -> Callable[[Record], object]:
        return lambda sent: self._app.snapshot(lambda hub: change(hub, sent))

    def _reset(self, _: Any) -> Record:
        self._hubs += 1
        hub = Hub(f"{HUBS}{self._hubs}")
        self._app.reset(hub)
        return {
            "tenant_id": hub.tenant.tenant_id,
            "client_id": hub.tenant.client_id,
            "client_secret": hub.tenant.client_secret,
            "host": hub.host,
            "connection_string": f"HostName={hub.host};SharedAccessKeyName={POLICY};SharedAccessKey={hub.key}",
        }


def _add_devices(hub: Hub, sent: Record) -> None:
    for name in sent["names"]:
        device = Device(name, sent["edge"], {**PLATFORM, **sent["platform"]}, parent=sent["parent"])
        if not sent["seen"]:
            device.connected, device.since = False, NEVER
        device.keys = {kind: hub.tenant.issue(_key()) for kind in ("primaryKey", "secondaryKey")}
        device.twin.tags = sent["tags"]
        device.twin.reported = sent["reported"]
        hub.devices[name] = device
        if device.edge:
            device.modules = {AGENT: Twin(), EDGE_HUB: Twin()}
            device.agent = _agent(hub, device, sent["engine"])
            device.wake()
    rollout.resolve(hub)


def _agent(hub: Hub, device: Device, engine: str | None) -> Agent:
    if engine is None:
        return Simulated(hub, device)
    from .agent import ContainerAgent  # imported late: Docker's SDK loads slowly
    from .engine import Engine

    connected = Engine(engine)
    _reap(engine)
    device.platform = connected.platform
    return ContainerAgent(hub, device, connected)


@cache
def _reap(engine: str) -> subprocess.Popen[bytes]:
    """Start `reaper`. Its input is a pipe that ends with this process. The cache keeps it open."""
    argv = [sys.executable, "-m", "offline_iothub.reaper", engine, HUBS]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)


def _tag(hub: Hub, sent: Record) -> None:
    for name in sent["names"]:
        twin = hub.device(name).twin
        twin.tags = _merged(twin.tags, sent["tags"])
        twin.touch()
    rollout.resolve(hub)


def _connect(hub: Hub, sent: Record) -> None:
    for name in sent["names"]:
        device = hub.device(name)
        device.connected, device.since = sent["connected"], now()
        device.wake()


def _behave(hub: Hub, sent: Record) -> None:
    """Set the behaviour after the next change of the device's desired state."""
    for name in sent["names"]:
        agent = hub.device(name).agent
        if not isinstance(agent, Simulated):
            raise TypeError(f"{name} is not simulated")
        agent.behaviours = behaviours(sent["behaviours"])


def _apply(hub: Hub, sent: Record) -> None:
    check_content(sent["content"])
    for name in sent["names"]:
        rollout.apply(hub.device(name), sent["content"])


def _compete(hub: Hub, sent: Record) -> None:
    """Let another writer apply its content after each write of a client. None ends that."""
    for name in sent["names"]:
        hub.device(name).rival = sent["content"]


def _set(hub: Hub, sent: Record) -> None:
    for name, value in sent.items():
        if not hasattr(hub.tenant.settings, name):
            raise ValueError(f"no setting named {name!r}")
        setattr(hub.tenant.settings, name, value)


def _state(hub: Hub) -> Record:
    return {
        "devices": {name: _device(device) for name, device in hub.devices.items()},
        "configurations": {
            kept.id: {"priority": kept.priority, "targetCondition": kept.condition, "labels": kept.labels}
            for kept in hub.configurations.values()
        },
    }


def _device(device: Device) -> Record:
    """The twin of the device, with those of its modules under `modules`."""
    return {**device.document(), "modules": {name: device.document(name) for name in device.modules}}


def _merged(old: Record, new: Record) -> Record:
    """Merge like a patch of a twin: objects by key; null removes."""
    result = {**old, **new}
    for name, value in new.items():
        if isinstance(value, dict):
            before = old.get(name)
            result[name] = _merged(before if isinstance(before, dict) else {}, value)
    return {name: value for name, value in result.items() if value is not None}


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
