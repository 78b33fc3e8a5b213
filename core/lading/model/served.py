"""A release that a target serves, as a status reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Served:
    """A release that a target serves, from the target's own tags and its present state.

    `weight` and `shadow` are percent, as in `Share`. `ready` counts the replicas that can answer, of the `wanted` ones.
    A request with these `headers` to the scoring URI reaches exactly this release, and should not count in its figures:
    only the framework sends them. They are empty if no header can choose it.
    """

    release_id: str
    package_digest: str
    weight: int
    ready: int
    wanted: int
    shadow: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
