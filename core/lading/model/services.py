"""What crosses the hooks that ask a deployment something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .description import Secret
from .options import Json
from .records import Deployment


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


@dataclass(frozen=True)
class LogsRequest:
    """`tail` lines from the end, or what came after `cursor`, which an earlier answer gave."""

    deployment: Deployment
    tail: int = 100
    cursor: str | None = None


@dataclass(frozen=True)
class Logs:
    lines: tuple[str, ...]
    cursor: str | None = None


@dataclass(frozen=True)
class Keys:
    primary: Secret
    secondary: Secret | None = None
