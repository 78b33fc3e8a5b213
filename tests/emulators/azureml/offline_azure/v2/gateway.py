"""The public host of an endpoint: it checks the key or token, and forwards each request to a deployment."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..fronts import HOP_BY_HOP
from ..messages import Answer, Head, Request
from ..routing import Visit
from ..state import Record, World
from .replicas import Replica
from .rights import audience
from .traffic import chosen

HOST = ".inference.ml.azure.com"
DEPLOYMENT = "azureml-model-deployment"
SCORING_AUDIENCE = re.compile("https://ml.azure.com/?")
OWN_HEADERS = HOP_BY_HOP | {"authorization", "host"}


@dataclass
class Gateway:
    """The host of one endpoint, with the replicas of its deployments."""

    endpoint: Record
    keys: Record
    world: World
    region: str
    tokens: dict[str, float] = field(default_factory=dict)
    replicas: dict[str, Replica] = field(default_factory=dict)
    latest: dict[str, Replica] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _mirrored: Iterator[int] = field(default_factory=itertools.count)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def host_of(endpoint: str, region: str) -> str:
        return f"{endpoint.lower()}.{region}{HOST}"

    @property
    def host(self) -> str:
        return self.host_of(self.endpoint["name"], self.region)

    def answer(self, request: Request) -> Answer:
        if not self._admits(request.head):
            return _text(401, "Unauthorized")
        named = request.head.headers.get(DEPLOYMENT)
        traffic, mirrored = (self.endpoint["properties"][name] for name in ("traffic", "mirrorTraffic"))
        name = named or chosen(traffic, next(self._numbers))
        if name is None or name not in self.replicas:
            return _text(404, "Not found: no deployment with traffic, or the named one does not exist")
        copy = chosen(mirrored, next(self._mirrored)) if mirrored and not named else None
        if copy in self.replicas:
            threading.Thread(target=_forward, args=(self.replicas[copy], request, copy), daemon=True).start()
        return _forward(self.replicas[name], request, name)

    def begin(self, name: str, replica: Replica) -> None:
        """Start a replica of a deployment, unless the endpoint is gone. `latest` keeps it, also after a failure."""
        with self._lock:
            if not self._closed:
                self.latest[name] = replica
                replica.start()

    def take_over(self, name: str, replica: Replica) -> None:
        """Let `replica` answer for a deployment. The previous one ends."""
        with self._lock:
            if self._closed:
                return
            before, self.replicas[name] = self.replicas.get(name), replica
        if before is not None:
            before.stop()

    def remove(self, name: str) -> None:
        """Stop the replica of a deployment, if it has one."""
        with self._lock:
            found = {kept.pop(name) for kept in (self.replicas, self.latest) if name in kept}
        for replica in found:
            replica.stop()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            ending = {*self.replicas.values(), *self.latest.values()}
            self.replicas.clear()
        for replica in ending:
            replica.stop()

    def _admits(self, head: Head) -> bool:
        given, mode = (
            head.headers.get("authorization", "").removeprefix("Bearer "),
            self.endpoint["properties"]["authMode"],
        )
        if mode.lower() == "key":
            return given in self.keys.values()
        if mode.lower() == "amltoken":
            return self.tokens.get(given, 0.0) > time.time()
        expiry = self.world.tokens.get(given, 0.0)
        return expiry > time.time() and SCORING_AUDIENCE.fullmatch(audience(given)) is not None


def open_gateway(visit: Visit, endpoint: Record, keys: Record) -> None:
    gateway = Gateway(endpoint, keys, visit.world, visit.workspace.location)
    visit.machines.gateways[gateway.host] = gateway


def _forward(replica: Replica, request: Request, name: str) -> Answer:
    """The answer of a replica. One with another status than 200 is a 424, with the status in a header."""
    head, shown = request.head, {DEPLOYMENT: name}
    headers = {name: text for name, text in head.headers.items() if name not in OWN_HEADERS}
    try:
        status, answered, content = replica.ask(head.method, head.target, request.body, headers)
    except TimeoutError:
        return _text(408, "Request timed out", **shown)
    except OSError:
        return _text(503, "no healthy upstream", **shown)
    kept = {name: text for name, text in answered if name.lower() not in HOP_BY_HOP}
    if status != 200:
        kept["ms-azureml-model-error-statuscode"] = str(status)
        kept["ms-azureml-model-error-reason"] = "model_error"
    return Answer(200 if status == 200 else 424, content, {**kept, **shown})


def _text(status: int, text: str, **headers: str) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "text/plain", **headers})
