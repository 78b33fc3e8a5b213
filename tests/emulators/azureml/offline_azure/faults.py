"""Rules for faults: which calls, how often, and the effect."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from .messages import Head

EFFECTS = (
    "answer",
    "drop_before",
    "drop_after",
    "black_hole",
    "delay",
    "drip",
    "cut_upload",
    "expire_tokens",
    "operation",
)


@dataclass
class Rule:
    """A rule.

    `path` is a regular expression, searched in host and path. The first `skip` matching calls pass, and the next
    `times` calls meet the fault. None means all.
    """

    effect: str
    method: str = ".*"
    path: str = ""
    skip: int = 0
    times: int | None = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    seconds: float = 0.0
    operation: dict[str, Any] = field(default_factory=dict)
    met: int = 0

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise ValueError(f"no effect named {self.effect!r}; there are {', '.join(EFFECTS)}")

    def fits(self, head: Head) -> bool:
        return bool(re.fullmatch(self.method, head.method) and re.search(self.path, head.host + head.path))

    def strikes(self) -> bool:
        """Count a matching call. Returns whether it meets the fault."""
        self.met += 1
        return self.met > self.skip and (self.times is None or self.met <= self.skip + self.times)


class Faults:
    """The current rules, oldest first. A call meets at most one rule."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._released = threading.Event()

    def add(self, fields: dict[str, Any]) -> None:
        with self._lock:
            self._rules.append(Rule(**fields))

    def meet(self, head: Head) -> Rule | None:
        with self._lock:
            fitting = [rule for rule in self._rules if rule.fits(head)]
            struck = [rule for rule in fitting if rule.strikes()]
        return struck[0] if struck else None

    def reset(self) -> None:
        """Remove all rules, and release all calls that a black hole holds."""
        with self._lock:
            self._rules.clear()
            self._released.set()
            self._released = threading.Event()

    def hold(self) -> None:
        """A black hole: return only when the rules are reset."""
        self._released.wait()

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]
