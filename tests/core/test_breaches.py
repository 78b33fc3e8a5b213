"""The figures of a canary against the limits of its rollout."""

from __future__ import annotations

import math

import pytest

from lading import Figures, Latency
from lading.engine.release.breaches import StepFigures, breach
from lading.manifest.rollout import Rollout

BOUNDS = (0.01, 0.05, 0.1, 1.0)
ERRORS = Rollout(max_error_rate=0.01)
SLOW = Rollout(max_latency_ratio=1.5)


def figures(*counts: int, errors: int = 0, refused: int = 0) -> Figures:
    """The figures of so many requests in each bucket."""
    buckets = (*counts, *[0] * (len(BOUNDS) + 1 - len(counts)))
    return Figures(requests=sum(counts), errors=errors, refused=refused, latency=Latency(bounds=BOUNDS, counts=buckets))


def judged(rollout: Rollout, canary: Figures, stable: Figures | None = None) -> str:
    return breach(rollout, StepFigures(canary, stable or figures(1000), 0, None))


@pytest.mark.parametrize(
    ("requests", "errors"), [(60, 1), (99, 2), (100, 1), (1, 1), (4, 4), (20, 4), (1000, 10), (10_000, 100)]
)
def test_a_few_errors_and_those_within_the_limit_are_not_a_breach(requests: int, errors: int) -> None:
    assert judged(ERRORS, figures(requests, errors=errors)) == ""


@pytest.mark.parametrize(("requests", "errors"), [(5, 5), (20, 5), (60, 3), (100, 5), (1000, 11), (10_000, 101)])
def test_errors_above_the_limit_are_a_breach_also_with_few_requests(requests: int, errors: int) -> None:
    assert f"of its {requests} requests failed" in judged(ERRORS, figures(requests, errors=errors))


def test_a_limit_of_zero_allows_no_error_and_a_limit_of_one_allows_all() -> None:
    assert "1 % of its 100 requests failed" in judged(Rollout(max_error_rate=0), figures(100, errors=1))
    assert judged(Rollout(max_error_rate=0), figures(100)) == ""
    assert judged(Rollout(max_error_rate=1), figures(100, errors=100)) == ""


def test_a_million_errors_are_judged() -> None:
    assert judged(ERRORS, figures(10**6, errors=10**6))


def test_a_few_slow_requests_are_not_a_breach() -> None:
    assert judged(SLOW, figures(56, 0, 0, 4)) == ""
    assert "its p99 is 892 ms in 60 requests" in judged(SLOW, figures(55, 0, 0, 5))


def test_a_release_that_is_slower_as_a_whole_is_a_breach() -> None:
    """60 ms instead of 30 ms, in neighbouring buckets."""
    assert "times that of the stable release" in judged(SLOW, figures(0, 0, 100), figures(0, 100))


def test_an_estimate_from_the_next_bucket_alone_is_not_a_breach() -> None:
    """Two of 100 requests take 10.1 ms, and one of 100 takes 9.9 ms."""
    assert judged(SLOW, figures(980, 20), figures(991, 9)) == ""


def test_times_beyond_all_buckets_cannot_be_compared() -> None:
    assert judged(SLOW, figures(0, 0, 0, 0, 100), figures(0, 0, 0, 0, 100)) == ""
    assert "its p99 is 1000 ms" in judged(SLOW, figures(0, 0, 0, 0, 100), figures(100))


@pytest.mark.parametrize(
    ("share", "bucket"), [(0.5, (0.0, 0.01)), (0.75, (0.01, 0.05)), (0.99, (1.0, math.inf)), (0.9, (0.05, 0.1))]
)
def test_a_quantile_lies_between_the_bounds_of_its_bucket(share: float, bucket: tuple[float, float]) -> None:
    assert figures(50, 25, 15, 0, 10).latency.bucket(share) == bucket


def test_without_requests_a_quantile_has_no_bucket() -> None:
    assert Latency(bounds=(), counts=(0,)).bucket(0.99) is None
