"""Programs beside the emulator: storage, and deployed services."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from .blobs import Blobs
from .fronts import Front
from .proxy import App, Listener
from .state import Record
from .v2.gateway import Gateway
from .v2.lro import Lro


class Machines:
    """Everything beyond plain state. `lock` protects the state of the world. `held` are stuck operations."""

    def __init__(self, azurite: Path, folder: Path) -> None:
        self.folder = folder
        self.blobs = Blobs(azurite, folder)
        self.lock = threading.RLock()
        self.finished: dict[str, threading.Event] = {}
        self.held: list[Callable[[], None]] = []
        self.fronts: dict[str, Front] = {}
        self.lros: dict[str, Lro] = {}
        self.gateways: dict[str, Gateway] = {}
        self.app: App | None = None
        self._listeners: dict[str, Listener] = {}

    def open(self, front: Front) -> None:
        """Give a service its address. Every call there goes through the app."""
        if self.app is None:
            raise RuntimeError("the app comes first")
        listener = Listener(self.app)
        front.address = listener.address
        host = listener.address.removeprefix("http://")
        self.fronts[host] = front
        self._listeners[host] = listener

    def close_front(self, front: Front) -> None:
        host = front.address.removeprefix("http://")
        self.fronts.pop(host, None)
        self._listeners.pop(host).close()
        front.close()

    def front(self, scope: str, name: str) -> Front:
        """The front of a service in a workspace."""
        return next(item for item in self.fronts.values() if item.service["id"] == f"{scope}/services/{name}")

    def gateway(self, endpoint: Record) -> Gateway:
        """The host of an online endpoint."""
        return self.gateways[Gateway.host_of(endpoint["name"], endpoint["location"])]

    def close_gateway(self, endpoint: Record) -> None:
        self.gateways.pop(self.gateway(endpoint).host).close()

    def release(self) -> int:
        """Let stuck operations continue. Returns their number."""
        held, self.held = self.held, []
        for start in held:
            start()
        return len(held)

    def reset(self) -> None:
        """Stop everything that belongs to a workspace."""
        self.held = []
        self.finished = {}
        self.lros = {}
        for gateway in self.gateways.values():
            gateway.close()
        self.gateways = {}
        for front in list(self.fronts.values()):
            self.close_front(front)

    def close(self) -> None:
        self.reset()
        self.blobs.close()
