"""The containers of a deployment, as the engine has them: at most three, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading import Json, StageFailed, State
from lading_docker.address import place
from lading_docker.reading import inspect

if TYPE_CHECKING:
    from lading import Deployment

PORT = 5001
RELEASE, OPTIONS = "lading.release", "lading.options"

_STATES = {
    "created": State.PENDING,
    "restarting": State.PENDING,
    "running": State.RUNNING,
    "paused": State.STOPPED,
    "removing": State.STOPPED,
}
_ENDED_WELL = (0, 143)  # 143: ended by SIGTERM, as a stop does


@dataclass(frozen=True)
class Container:
    """A container that is ours. `started` is RFC 3339 in UTC, of the engine's clock; `port` is its public one."""

    id: str
    name: str
    state: str
    labels: Mapping[str, str]
    host: str
    port: int
    started: str
    exit_code: int
    out_of_memory: bool

    @property
    def uri(self) -> str | None:
        """Where it answers; None before the engine has given it a port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/score" if self.port else None

    @property
    def standing(self) -> State:
        if self.state in _STATES:
            return _STATES[self.state]
        well = self.exit_code in _ENDED_WELL and not self.out_of_memory
        return State.STOPPED if well else State.FAILED

    @property
    def detail(self) -> str:
        """How it ended; empty while it runs."""
        if self.state in ("running", "created"):
            return ""
        memory = ", out of memory" if self.out_of_memory else ""
        return f"{self.state} with exit code {self.exit_code}{memory}"


def names(service: str) -> tuple[str, str, str]:
    """The one that serves, the one that is to serve, and the candidate, which answers on a port of its own."""
    return service, f"{service}.next", f"{service}.candidate"


def find(name: str, deployment: Deployment) -> Container | None:
    """A container of the deployment. Raises StageFailed where another one has its name: that is never touched."""
    found = inspect(name)
    if found is None:
        return None
    labels = found["Config"]["Labels"] or {}
    if (labels.get("lading.service"), labels.get("lading.target")) != (deployment.service, deployment.target):
        raise StageFailed(
            f"a container {name} is on the engine already, and it is not this target's: it is left alone",
            hint="give the target's block a service_name of its own",
        )
    return _container(name, labels, found)


def serving(deployment: Deployment) -> Container | None:
    """The container that serves, or was about to when a command was killed."""
    serving, following, _ = names(deployment.service)
    return find(serving, deployment) or find(following, deployment)


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
    )


def _reachable(host: str) -> str:
    """An address to ask at: that of the engine's machine where the container listens on all that it has."""
    if host not in ("", "0.0.0.0", "::"):
        return host
    from urllib.parse import urlsplit

    return urlsplit(place()).hostname or "127.0.0.1"
