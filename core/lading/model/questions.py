"""What crosses the hooks that ask a target for logs and keys."""

from __future__ import annotations

from dataclasses import dataclass

from .description import Secret
from .records import Deployment


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
