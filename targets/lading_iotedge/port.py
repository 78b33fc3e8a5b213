"""The interface of an IoT hub, complete for this target. Only `rest` imports azure."""

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

    `desired` and `reported` exclude the hub's own `$metadata` and `$version`; `version` is that of `desired`.
    `deployments` are the automatic deployments that apply. `seen` is the time of its last message, from the hub, and
    `written` that of the last change of `desired`.
    """

    device: str
    desired: Mapping[str, Json]
    version: int
    reported: Mapping[str, Json]
    tags: Mapping[str, Json] = field(default_factory=dict)
    deployments: tuple[str, ...] = ()
    connected: bool = True
    seen: str = ""
    written: str = ""


@dataclass(frozen=True)
class Identity:
    """A device of the hub. `parent` is the device through which a nested device reaches the hub."""

    edge: bool
    parent: str = ""


@dataclass(frozen=True)
class Configuration:
    """An automatic deployment. `metrics` has the device counts of the hub's queries and of our own. `condition` is its
    target condition, and `content` has the desired properties of each module.
    """

    id: str
    etag: str
    priority: int
    labels: Mapping[str, str]
    metrics: Mapping[str, int]
    condition: str = "*"
    content: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether it has the whole content of a device, not a layer of it."""
        return any("properties.desired" in parts for parts in self.content.values())


class Hub(Protocol):
    """One IoT hub. Its refusals are raised as StageFailed. Failures that may pass are raised as Transient."""

    @property
    def name(self) -> str:
        """The host name."""

    def identity(self, device: str) -> Identity | None:
        """A device; None if the hub has no such device."""

    def twin(self, device: str, module: str = "") -> Twin | None:
        """The twin of a device, or of a module on it; None if it does not exist."""

    def apply(self, device: str, content: Mapping[str, Json]) -> None:
        """Set `content` as the desired content of a device. Raises BadInput if the hub rejects it."""

    def configurations(self) -> tuple[Configuration, ...]:
        """All automatic deployments."""

    def configuration(self, name: str) -> Configuration | None:
        """One automatic deployment; None if the name does not exist."""

    def create(self, configuration: Mapping[str, Json]) -> None:
        """Create an automatic deployment."""

    def delete(self, configuration: Configuration) -> None:
        """Delete an automatic deployment in the version that was read. If it is gone, this succeeds."""

    def test(self, condition: str, queries: Mapping[str, str]) -> tuple[str, ...]:
        """The hub's objections to a target condition and to metric queries, in its own words."""

    def query(self, text: str, *, limit: int | None = None) -> Iterator[Twin]:
        """The twins that a query selects, page by page; at most `limit`."""

    def module_log(self, device: str, module: str, tail: int) -> tuple[str, ...]:
        """The last lines of a module's own log, from its agent; empty if the agent cannot be reached."""
