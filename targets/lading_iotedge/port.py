"""What an IoT hub can be asked: all that the target knows of it. `rest` is the one module that imports azure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lading import Json

AGENT, ROUTER = "$edgeAgent", "$edgeHub"
"""The modules that IoT Edge itself runs on a device."""


@dataclass(frozen=True)
class Twin:
    """The twin of a device or of a module on it.

    `desired` and `reported` come without the hub's own `$metadata` and `$version`, `version` is that of `desired`;
    `deployments` are the automatic deployments that apply here. `seen` is when it was last heard of, as the hub has it.
    """

    device: str
    desired: Mapping[str, Json]
    version: int
    reported: Mapping[str, Json]
    tags: Mapping[str, Json] = field(default_factory=dict)
    deployments: tuple[str, ...] = ()
    connected: bool = True
    seen: str = ""


@dataclass(frozen=True)
class Configuration:
    """An automatic deployment; `metrics` has the counts of devices that the hub's queries and our own found."""

    id: str
    etag: str
    priority: int
    labels: Mapping[str, str]
    metrics: Mapping[str, int]


class Hub(Protocol):
    """One IoT hub. What it refuses is raised as StageFailed, what may work later as Transient."""

    @property
    def name(self) -> str:
        """Its host name."""

    def is_edge(self, device: str) -> bool | None:
        """Whether a device is one of IoT Edge; None where the hub has no such device."""

    def twin(self, device: str, module: str = "") -> Twin | None:
        """The twin of a device, or of a module on it; None where there is none."""

    def apply(self, device: str, content: Mapping[str, Json]) -> None:
        """Make `content` what a device should run. Raises BadInput where the hub finds it wrong."""

    def configurations(self) -> tuple[Configuration, ...]:
        """All automatic deployments."""

    def configuration(self, name: str) -> Configuration | None:
        """One automatic deployment; None where there is none of that name."""

    def create(self, configuration: Mapping[str, Json]) -> None:
        """Create an automatic deployment."""

    def delete(self, configuration: Configuration) -> None:
        """Delete an automatic deployment as it was read; one that is gone is deleted already."""

    def test(self, condition: str, queries: Mapping[str, str]) -> tuple[str, ...]:
        """What the hub objects to in a target condition and in metric queries, in its own words."""

    def query(self, text: str, *, limit: int | None = None) -> Iterator[Twin]:
        """The twins that a query selects, a page at a time; at most `limit`."""

    def module_log(self, device: str, module: str, tail: int) -> tuple[str, ...]:
        """The last lines of a module's own log, which its agent is asked for; none where it cannot be reached."""
