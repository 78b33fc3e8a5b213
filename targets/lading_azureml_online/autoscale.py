"""The option `autoscale` of managed instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lading import Options, Range


@dataclass(frozen=True, kw_only=True)
class Autoscale(Options):
    """The limits of the number of instances, and the load that changes it."""

    min: Annotated[int, Range(ge=1, le=1000)]
    """The lowest number of instances."""

    max: Annotated[int, Range(ge=1, le=1000)]
    """The highest number of instances."""

    cpu: Annotated[int, Range(ge=1, le=99)] = 70
    """Percent of the processor time that the instances use on average in 5 minutes. Beyond it, an instance is added;
    below half of it, one is removed.
    """

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError(f"min: {self.min} is more than max, {self.max}")
