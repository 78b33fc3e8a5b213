"""What crosses the hooks that ask a target for logs and keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
    """What a request must carry; no primary one where the deployment asks for none.

    `expires` is set for a token, which is asked for anew each time (UTC).
    """

    primary: Secret | None
    secondary: Secret | None = None
    expires: datetime | None = None
