"""The pods of a stable release and of its canary, whose numbers split the requests if no route does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .owning import canary_name

if TYPE_CHECKING:
    from lading import Json, Served

    from .options import KubernetesOptions


class Pods(NamedTuple):
    """The numbers of pods of both releases."""

    stable: int
    canary: int


def pods_for(weight: int, full: int, *, by_route: bool) -> Pods:
    """The numbers of pods whose ratio is nearest to a weight. The release with more requests has all its pods.

    A route splits the requests exactly, so both releases have all their pods.
    """
    if by_route:
        return Pods(full, full if weight else 1)
    if weight > 50:
        return Pods(_fewer(100 - weight, full), full)
    return Pods(full, _fewer(weight, full))


def _fewer(percent: int, full: int) -> int:
    """The number of pods beside `full` others whose part of all is nearest to `percent`."""
    return min(range(1, full + 1), key=lambda count: abs(count / (full + count) - percent / 100))


def split_words(weight: int, stable: int, canary: int) -> str:
    """How pods split the requests, such as `1 of 3 pods, about 33 %`. Empty if the weight is exact."""
    total = stable + canary
    if weight in (0, 100) or not total or canary * 100 == weight * total:
        return ""
    return f"the canary has {canary} of {total} pods, so it gets about {100 * canary / total:.0f} % of the requests"


def words_of(options: KubernetesOptions, served: Sequence[Served]) -> str:
    """How the pods of a stable release and its canary split the requests. Empty with a route, or without a canary."""
    if options.route or len(served) != 2:
        return ""
    stable, canary = served
    return split_words(canary.weight, stable.ready, canary.ready)


def weight_in_route(route: Json | None, service: str) -> int | None:
    """The percent of the canary in the HTTPRoute of a service. None if it does not lead to the canary."""
    rules = route["spec"].get("rules") or () if route else ()
    backends = [backend for rule in rules for backend in rule.get("backendRefs") or ()]
    return next((int(each.get("weight", 1)) for each in backends if each["name"] == canary_name(service)), None)
