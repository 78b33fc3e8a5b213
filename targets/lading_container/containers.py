"""The containers of a deployment on the engine: at most three, found by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lading import Json, Listed, Listing, StageFailed, State
from lading_docker.address import place
from lading_docker.reading import inspect, labelled

if TYPE_CHECKING:
    from lading import Deployment

PORT = 5001
SERVICE, TARGET, OPTIONS = "lading.service", "lading.target", "lading.options"
AUTH = "lading.auth"
CERTIFICATE = "lading.certificate"

_STATES = {
    "created": State.PENDING,
    "restarting": State.PENDING,
    "running": State.RUNNING,
    "paused": State.STOPPED,
    "removing": State.STOPPED,
}
_ENDED_WELL = (0, 143)  # 143: ended by SIGTERM, as after a stop
_STOPPED = (*_ENDED_WELL, 137, 255)  # 137: by SIGKILL, after it ignored SIGTERM; 255: the engine was killed


@dataclass(frozen=True)
class Container:
    """One of our containers. `started` is RFC 3339 in UTC, from the engine's clock; `port` is its public port."""

    id: str
    name: str
    state: str
    labels: Mapping[str, str]
    host: str
    port: int
    started: str
    exit_code: int
    out_of_memory: bool
    restarts: int = 0

    @property
    def uri(self) -> str | None:
        """The address of the container; None before the engine has assigned a port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/score" if self.port else None

    @property
    def certificate(self) -> str:
        """The SHA-256 of the certificate that it presents; empty for one without TLS."""
        return self.labels.get(CERTIFICATE, "")

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def asks_for_key(self) -> bool:
        return self.labels.get(AUTH) == "key"

    @property
    def standing(self) -> State:
        if self.state in _STATES:
            return _STATES[self.state]
        well = self.exit_code in _ENDED_WELL and not self.out_of_memory
        return State.STOPPED if well else State.FAILED

    @property
    def was_stopped(self) -> bool:
        """Whether the engine or a person may have stopped it. Otherwise it has failed."""
        return self.state == "exited" and self.exit_code in _STOPPED and not self.out_of_memory

    @property
    def detail(self) -> str:
        """How the container ended; empty while it runs."""
        if self.state in ("running", "created"):
            return ""
        memory = ", out of memory" if self.out_of_memory else ""
        return f"{self.state} with exit code {self.exit_code}{memory}"


def names(service: str) -> tuple[str, str, str]:
    """The names of the serving container, its successor, and the candidate, which has a separate port."""
    return service, f"{service}.next", f"{service}.candidate"


def find(name: str, deployment: Deployment) -> Container | None:
    """Read a container of the deployment from the engine; None if there is none. Raises StageFailed like `ours`."""
    found = inspect(name)
    return None if found is None else ours(name, found, deployment)


def ours(name: str, found: Json, deployment: Deployment) -> Container:
    """Read a container of the deployment from the engine's description.

    Raises StageFailed if it belongs to another deployment or to nobody. Such a container is never changed.
    """
    labels = found["Config"]["Labels"] or {}
    if (labels.get(SERVICE), labels.get(TARGET)) != (deployment.service, deployment.target):
        raise StageFailed(
            f"a container {name} is on the engine already, and it is not this target's: it is left alone",
            hint="give the target's block another service_name",
        )
    return _container(name, labels, found)


def serving(deployment: Deployment) -> Container | None:
    """The container that serves, or that was being promoted when a command was killed."""
    serving, following, _ = names(deployment.service)
    return find(serving, deployment) or find(following, deployment)


def everything() -> Listing:
    """All containers on the engine with our labels, of every service and store."""
    found = (inspect(identity) for identity in labelled(TARGET))  # a container can be removed between the two queries
    return Listing(objects=tuple(_listed(described) for described in found if described is not None))


def _listed(described: Json) -> Listed:
    labels = described["Config"]["Labels"]
    container = _container(described["Name"].lstrip("/"), labels, described)
    uri = container.uri if container.state == "running" else None
    created = instant(described["Created"])
    return Listed.from_tags(labels, name=container.name, state=container.standing, uri=uri, created=created)


def instant(time: str) -> datetime | None:
    """Parse a time of the engine: RFC 3339, in UTC (Docker) or with an offset (Podman). None if it cannot be read."""
    try:
        found = datetime.fromisoformat(time) if time.isascii() else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _container(name: str, labels: Mapping[str, str], found: Json) -> Container:
    state = found["State"]
    given = (found["NetworkSettings"].get("Ports") or {}).get(f"{PORT}/tcp")
    wished = (found["HostConfig"].get("PortBindings") or {}).get(f"{PORT}/tcp")
    binding = (given or wished or [{}])[0]
    return Container(
        id=found["Id"],
        name=name,
        state=state["Status"],
        labels=labels,
        host=_reachable(binding.get("HostIp") or ""),
        port=int(binding.get("HostPort") or 0),
        started=state["StartedAt"],
        exit_code=state["ExitCode"],
        out_of_memory=bool(state.get("OOMKilled")),
        restarts=found.get("RestartCount") or 0,
    )


def _reachable(host: str) -> str:
    """The host for requests: the engine's machine if the container listens on all addresses."""
    if host not in ("", "0.0.0.0", "::"):
        return host
    from urllib.parse import urlsplit

    return urlsplit(place()).hostname or "127.0.0.1"
