"""What crosses the hooks that ask a deployment something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .options import Json


@dataclass(frozen=True)
class GoldenRequest:
    """A request whose answer is known. `tolerance` is relative, for floats."""

    request: Json
    response: Json
    tolerance: float = 1e-6


@dataclass(frozen=True)
class ScoringUri:
    """Where a deployment answers: from outside, from inside its network, and one per device where it has several."""

    uri: str
    internal: str | None = None
    devices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoScoringUri:
    reason: str
