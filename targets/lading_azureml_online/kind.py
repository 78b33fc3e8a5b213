"""The differences between the kinds of online endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading import Capability, Json

if TYPE_CHECKING:
    from .autoscale import Autoscale

CAPABILITIES = frozenset(
    {
        Capability.STATUS,
        Capability.LOGS,
        Capability.KEYS,
        Capability.ROTATE_KEYS,
        Capability.DELETE,
        Capability.LIST,
        Capability.SCORING_URI,
        Capability.PREFLIGHT,
        Capability.PLAN,
        Capability.TRAFFIC,
        Capability.KEEPS_OLD_RELEASE,
    }
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of online endpoint.

    `compute_type` is Azure's word for it. `endpoint` and `deployment` give the properties that only this kind has, from
    the options; an endpoint gets the path of the workspace, too. `instances` is their number;
    None if it follows the load. `autoscale` gives the limits of it that Azure Monitor has.
    """

    compute_type: str
    endpoint: Callable[[Any, str], Json]
    deployment: Callable[[Any], Json]
    instances: Callable[[Any], int | None]
    autoscale: Callable[[Any], Autoscale | None] = lambda _options: None

    @property
    def on_kubernetes(self) -> bool:
        return self.compute_type == "Kubernetes"

    def has(self, compute: str) -> bool:
        """Whether an endpoint on `compute` is of this kind. A managed one has none."""
        return bool(compute) == self.on_kubernetes
