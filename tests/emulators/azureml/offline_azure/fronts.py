"""The public address of a service: it keeps its port and its keys while what answers behind it is replaced."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .containers import Container
from .messages import Answer, Head, Request
from .state import Record

HOP_BY_HOP = {"connection", "content-length", "transfer-encoding"}


@dataclass
class Front:
    """Checks the key or the token, then hands the call on."""

    service: Record
    keys: Record
    tokens: dict[str, float] = field(default_factory=dict)
    container: Container | None = None
    starting: Container | None = None
    address: str = ""
    last_log: str = ""

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

    def replace(self, container: Container | None) -> None:
        """From now on `container` answers; the one before it ends."""
        before, self.container, self.starting = self.container, container, None
        if before is not None:
            self.last_log = before.log()
            before.stop()

    def give_up(self, container: Container) -> None:
        """A container that did not come up: its log stays."""
        self.starting, self.last_log = None, container.log()
        container.stop()

    def log(self) -> str:
        """Of what was started last."""
        latest = self.starting or self.container
        return latest.log() if latest else self.last_log

    def _admits(self, head: Head) -> bool:
        given = head.headers.get("authorization", "").removeprefix("Bearer ")
        if self.service.get("aadAuthEnabled"):
            return self.tokens.get(given, 0.0) > time.time()
        return not self.service["authEnabled"] or given in self.keys.values()
