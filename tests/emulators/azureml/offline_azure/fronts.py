"""The public address of a service. It keeps its port and keys while the containers behind it are replaced."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from .containers import Container
from .messages import Answer, Head, Request
from .state import Record

HOP_BY_HOP = {"connection", "content-length", "transfer-encoding"}


@dataclass
class Front:
    """Checks the key or the token, then forwards the call."""

    service: Record
    keys: Record
    tokens: dict[str, float] = field(default_factory=dict)
    container: Container | None = None
    address: str = ""
    _latest: Container | None = None
    _last_log: str = ""
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def scoring_uri(self) -> str:
        prefix = f"/api/v1/service/{self.service['name']}" if self.service["computeType"] == "AKS" else ""
        return f"{self.address}{prefix}/score"

    def answer(self, request: Request) -> Answer:
        head = request.head
        if not self._admits(head):
            return Answer(401, b"Unauthorized", {"Content-Type": "text/plain"})
        prefix = self.scoring_uri.removeprefix(self.address).removesuffix("/score")
        target = head.target.removeprefix(prefix)
        try:
            if self.container is None:
                raise ConnectionError
            status, headers, body = self.container.ask(head.method, target, request.body, dict(head.headers))
        except OSError:
            return Answer(503, b"Service Unavailable", {"Content-Type": "text/plain"})
        return Answer(status, body, {name: text for name, text in headers if name.lower() not in HOP_BY_HOP})

    def begin(self, container: Container, *, in_place: bool) -> None:
        """Start a container. In place, the previous one ends first."""
        with self._lock:
            if self._closed:
                return
            if in_place:
                self._end(self.container)
                self.container = None
            self._latest = container
            container.start()

    def take_over(self, container: Container) -> None:
        """Let `container` respond from now on. The previous one ends."""
        with self._lock:
            if not self._closed:
                self._end(self.container)
                self.container = container

    def give_up(self, container: Container | None) -> None:
        """Remove a container that failed or blocks another one. Its log stays."""
        with self._lock:
            self._end(container)

    def close(self) -> None:
        """Stop responding, also for containers that are starting."""
        with self._lock:
            self._closed = True
            for container in {self.container, self._latest}:
                self._end(container)
            self.container = None

    def log(self) -> str:
        """The log of the container that was started last."""
        with self._lock:
            return self._latest.log() if self._latest else self._last_log

    def _end(self, container: Container | None) -> None:
        if container is None:
            return
        if container is self._latest:
            self._last_log, self._latest = container.log(), None
        container.stop()

    def _admits(self, head: Head) -> bool:
        given = head.headers.get("authorization", "").removeprefix("Bearer ")
        if self.service.get("aadAuthEnabled"):
            return self.tokens.get(given, 0.0) > time.time()
        return not self.service["authEnabled"] or given in self.keys.values()
