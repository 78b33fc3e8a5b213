"""The keys of `rollout:`, in the block of a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..model import Duration, Options, Range


@dataclass(frozen=True)
class Rollout(Options):
    """How a new release takes over the requests: step by step, beside the release that serves."""

    steps: tuple[Annotated[int, Range(ge=1, le=100)], ...] = (5, 25, 100)
    """Percent of the requests that the new release gets in each step. The last step is 100."""
    pause: Annotated[float, Range(ge=0), Duration()] = 600.0
    """Seconds that a step lasts."""
    max_error_rate: Annotated[float, Range(ge=0, le=1)] | None = None
    """The share of its requests that may fail. With more, the new release is removed, if at least three failed."""
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
    def limits(self) -> tuple[str, ...]:
        """The limits that need figures."""
        names = ("max_error_rate", "max_latency_ratio")
        return tuple(name for name in names if getattr(self, name) is not None)
