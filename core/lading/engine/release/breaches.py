"""Judge the figures of a canary during a step of its rollout."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ...model import Compared, Figures, Latency, Metrics, ReleaseMetrics

if TYPE_CHECKING:
    from ...manifest.rollout import Rollout

ENOUGH = 50
"""Requests of a release in a step. With fewer, only many errors decide: see `_CLEAR`."""

_FEW = 3
"""Requests of the canary that failed among enough ones. One or two decide nothing."""

_CLEAR = 5
"""Requests of the canary that failed among too few ones, or that were slower than the p99 of the stable release."""

_CHANCE = 0.00135
"""The probability below which chance does not explain the errors: that of three standard errors above the mean."""

_MOST_REPLACED = 3
"""Workers of a canary that are replaced in a step, beyond those of the stable release, and are too many.

A request that ends its worker is answered by the stable release, so it is not among the requests of the canary.
"""

_QUANTILE = 0.99


class StepFigures(NamedTuple):
    """The figures of a step: of the canary and of the stable release since it began, and of the copies so far.

    `replaced` is the number of workers that the canary replaced, beyond those of the stable release.
    """

    canary: Figures
    stable: Figures
    replaced: int
    compared: Compared | None

    def __str__(self) -> str:
        slow = self.canary.latency.quantile(_QUANTILE)
        words = [f"{self.canary.requests} requests"]
        if self.canary.requests:
            words += [f"{_percent(_rate(self.canary.errors, self.canary))} errors"]
        if self.canary.refused:
            words += [f"{_percent(_rate(self.canary.refused, self.canary))} refused"]
        if slow is not None:
            words += [f"p99 {_milliseconds(slow)}"]
        if self.canary.requests < ENOUGH:
            words += [f"too few to judge, below {ENOUGH}"]
        return ", ".join(words)

    @property
    def lacking(self) -> str:
        """Which release has had too few requests to judge. Empty if both have had enough."""
        for name, figures in (("the canary", self.canary), ("the stable release", self.stable)):
            if figures.requests < ENOUGH:
                return f"{name} had {figures.requests} requests, below {ENOUGH}"
        return ""


def since(now: Metrics, then: Metrics, canary: str, stable: str) -> StepFigures:
    """The figures of two releases between two moments."""
    found = {each.release_id: each for each in now.releases}
    before = {each.release_id: each for each in then.releases}
    canary_now = found.get(canary)
    return StepFigures(
        canary=_difference(found.get(canary), before.get(canary)),
        stable=_difference(found.get(stable), before.get(stable)),
        replaced=_restarts(found.get(canary), before.get(canary)) - _restarts(found.get(stable), before.get(stable)),
        compared=canary_now.compared if canary_now else None,
    )


def breach(rollout: Rollout, found: StepFigures) -> str:
    """The first limit that the figures exceed, with the figures. Empty if they exceed none, or are too few."""
    if found.replaced >= _MOST_REPLACED:
        return f"{found.replaced} more workers of it than of the stable release ended and were replaced"
    if rollout.max_error_rate is not None and (failing := _failing(found, rollout.max_error_rate)):
        return failing
    if rollout.max_latency_ratio is not None and (slower := _slower(found, rollout.max_latency_ratio)):
        return slower
    if rollout.max_difference is not None and found.compared and found.compared.largest > rollout.max_difference:
        return differs(found.compared.largest, rollout.max_difference, f"{found.compared.requests} copied requests")
    return ""


def differs(largest: float, limit: float, what: str) -> str:
    """The message about answers that differ too much."""
    return f"its answers to {what} differ by up to {_percent(largest)}, more than max_difference {_percent(limit)}"


def _failing(found: StepFigures, limit: float) -> str:
    """The errors of the canary above the limit, or its refusals, of which clients cause some at any release."""
    canary, stable = found.canary, found.stable
    most = f"more than max_error_rate {_percent(limit)}"
    if _is_failing(canary, limit):
        failed, others = _percent(_rate(canary.errors, canary)), _percent(_rate(stable.errors, stable))
        return f"{failed} of its {canary.requests} requests failed ({others} of the stable release's), {most}"
    if found.lacking:
        return ""
    rate, usual = _rate(canary.refused, canary), _rate(stable.refused, stable)
    if rate - usual <= limit + _chance(canary, stable):
        return ""
    return (
        f"{_percent(rate)} of its {canary.requests} requests were refused with a status of 4xx, {_percent(usual)} of "
        f"the stable release's: the difference is {most}"
    )


def _is_failing(canary: Figures, limit: float) -> bool:
    """Whether the errors exceed the limit. Of few requests, many must fail, and more than chance explains."""
    if _rate(canary.errors, canary) <= limit:
        return False
    if canary.requests >= ENOUGH:
        return canary.errors >= _FEW or limit == 0
    return canary.errors >= _CLEAR and _at_least(canary.errors, canary.requests, limit) < _CHANCE


def _at_least(errors: int, requests: int, rate: float) -> float:
    """The probability of as many errors, or more, if each request fails with this rate."""
    counts = range(errors, requests + 1)
    return sum(math.comb(requests, count) * rate**count * (1 - rate) ** (requests - count) for count in counts)


def _chance(one: Figures, other: Figures) -> float:
    """A difference of refusals that chance alone seldom exceeds: three standard errors."""
    share = (one.refused + other.refused) / (one.requests + other.requests)
    return 3 * math.sqrt(share * (1 - share) * (1 / one.requests + 1 / other.requests))


def _slower(found: StepFigures, limit: float) -> str:
    """The p99 of the canary above the limit.

    A p99 is an estimate within its bucket, and 9.9 and 10.1 ms can be in two buckets. So the medians must be above the
    limit too, or several requests of the canary must surely be.
    """
    canary, stable = found.canary.latency, found.stable.latency
    (slow, usual), (median, usual_median) = ((canary.quantile(q), stable.quantile(q)) for q in (_QUANTILE, 0.5))
    if found.lacking or not (slow and usual and median and usual_median) or slow <= limit * usual:
        return ""
    _, most = stable.bucket(_QUANTILE) or (0.0, math.inf)
    if median <= limit * usual_median and canary.longer(limit * most) < _CLEAR:
        return ""
    return (
        f"its p99 is {_milliseconds(slow)} in {found.canary.requests} requests, {_number(slow / usual)} times that of "
        f"the stable release ({_milliseconds(usual)}), more than max_latency_ratio {limit:g}"
    )


NOTHING = Figures(requests=0, errors=0, latency=Latency(bounds=(), counts=(0,)))


def _difference(release: ReleaseMetrics | None, earlier: ReleaseMetrics | None) -> Figures:
    """What was counted between two moments. A release that counts from the start again counts as a whole.

    So does one of several replicas, of which one was replaced: then a sum can be lower than before.
    """
    if release is None:
        return NOTHING
    now, then = release.total, earlier.total if earlier else None
    if then is None or then.latency.bounds != now.latency.bounds:
        return now
    counts = tuple(a - b for a, b in zip(now.latency.counts, then.latency.counts, strict=True))
    found = Figures(
        requests=now.requests - then.requests,
        errors=now.errors - then.errors,
        refused=now.refused - then.refused,
        latency=replace(now.latency, counts=counts),
    )
    return now if min(found.requests, found.errors, found.refused, *counts) < 0 else found


def _restarts(release: ReleaseMetrics | None, earlier: ReleaseMetrics | None) -> int:
    """The workers that were replaced between two moments."""
    now, then = (each.restarts if each else 0 for each in (release, earlier))
    return now - then if now >= then else now


def _rate(count: int, figures: Figures) -> float:
    return count / figures.requests if figures.requests else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _milliseconds(seconds: float) -> str:
    return f"{_number(1000 * seconds)} ms"


def _number(value: float) -> str:
    """A positive number with three digits, and without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
