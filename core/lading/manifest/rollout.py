"""The keys of `rollout:`, in the block of a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..model import Options, Range, Text
from .words import DURATION

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Rollout(Options):
    """How a new release takes over the requests: step by step, beside the release that serves."""

    steps: tuple[Annotated[int, Range(ge=1, le=100)], ...] = (5, 25, 100)
    """Percent of the requests that the new release gets in each step. The last step is 100."""
    pause: Annotated[float, Range(ge=0)] | Annotated[str, Text(pattern=DURATION)] = "10m"
    """How long a step lasts: seconds, or text with a unit, such as `90s`, `10m`, `2h` or `1d`."""
    max_error_rate: Annotated[float, Range(ge=0, le=1)] | None = None
    """The share of its requests that may fail. With more, the new release is removed."""
    max_latency_ratio: Annotated[float, Range(gt=0)] | None = None
    """How many times the p99 of the release that serves its own p99 may be."""
    max_difference: Annotated[float, Range(ge=0)] | None = None
    """By how much its answers to the golden requests, and to copies of requests, may differ: 0.02 is two per cent."""

    def __post_init__(self) -> None:
        if not self.steps or self.steps[-1] != 100:
            raise ValueError("steps: the last step must be 100")
        if list(self.steps) != sorted(set(self.steps)):
            raise ValueError("steps: each step must be higher than the one before it")

    @property
    def seconds(self) -> float:
        """The length of a step."""
        if isinstance(self.pause, float | int):
            return float(self.pause)
        unit = _UNITS.get(self.pause[-1:])
        return float(self.pause[:-1]) * unit if unit else float(self.pause)

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits that need figures."""
        names = ("max_error_rate", "max_latency_ratio")
        return tuple(name for name in names if getattr(self, name) is not None)
