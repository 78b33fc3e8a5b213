"""The types of the hooks that ask a deployment for something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .options import Json


@dataclass(frozen=True, kw_only=True)
class GoldenRequest:
    """A request whose answer is known. `tolerance` is relative, for floats."""

    request: Json
    response: Json
    tolerance: float = 1e-6


@dataclass(frozen=True, kw_only=True)
class ScoringUri:
    """The addresses of a deployment: from outside, from inside its network, and one for each device.

    `needs_key` tells whether a request must have a key of the service; None if the target does not know. `extra` holds
    facts of the platform that have no field here, as JSON.
    """

    uri: str
    internal: str | None = None
    devices: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)
    needs_key: bool | None = None


@dataclass(frozen=True, kw_only=True)
class NoScoringUri:
    """The reason why a deployment has no scoring URI."""

    reason: str
