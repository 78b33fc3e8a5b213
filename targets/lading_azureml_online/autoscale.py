"""The option `autoscale` of managed instances, and the setting of Azure Monitor that it becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from lading import Json, Options, Range

from .owning import OPTIONS

_METRIC = "CpuUtilizationPercentage"  # of a deployment
_WINDOW = "PT5M"  # the shortest one of Azure Monitor


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


def body(scale: Autoscale, marks: Mapping[str, str], target: str, location: str) -> Json:
    """The setting for the deployment with the path `target`. `marks` are those of its release."""
    capacity = {"minimum": str(scale.min), "maximum": str(scale.max), "default": str(scale.min)}
    rules = [
        _rule(target, "GreaterThan", scale.cpu, "Increase"),
        _rule(target, "LessThan", scale.cpu / 2, "Decrease"),
    ]
    profile = {"name": "lading", "capacity": capacity, "rules": rules}
    properties = {"enabled": True, "targetResourceUri": target, "profiles": [profile]}
    digest = hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()
    return {"location": location, "tags": {**marks, OPTIONS: digest}, "properties": properties}


def _rule(target: str, operator: str, threshold: float, direction: str) -> Json:
    return {
        "metricTrigger": {
            "metricName": _METRIC,
            "metricResourceUri": target,
            "timeGrain": "PT1M",
            "statistic": "Average",
            "timeWindow": _WINDOW,
            "timeAggregation": "Average",
            "operator": operator,
            "threshold": threshold,
        },
        "scaleAction": {"direction": direction, "type": "ChangeCount", "value": "1", "cooldown": _WINDOW},
    }
