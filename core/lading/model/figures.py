"""The figures of a service that runs: the requests of each release, their errors and their times."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .options import Json


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The times of requests in buckets.

    `bounds` are upper bounds in seconds. `counts` has the number of requests for each bound, which earlier bounds do
    not have, and one more for all longer times.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.bounds) + 1 or list(self.bounds) != sorted(set(self.bounds)):
            raise ValueError("a latency has rising bounds, and one count more than bounds")

    def quantile(self, share: float) -> float | None:
        """The time in seconds that this share of the requests did not exceed, estimated within its bucket.

        None without requests. Longer than all bounds counts as the last bound.
        """
        found = self.bucket(share)
        if found is None or not self.bounds:
            return None
        lower, bound = found
        if bound == math.inf:
            return lower
        place = self.bounds.index(bound)
        wanted = share * sum(self.counts) - sum(self.counts[:place])
        return lower + (bound - lower) * wanted / self.counts[place]

    def bucket(self, share: float) -> tuple[float, float] | None:
        """The bounds between which this quantile lies: above the first one, and at most the second one.

        The second one is infinite for a time beyond all bounds. None without requests.
        """
        wanted, before, lower = share * sum(self.counts), 0, 0.0
        for bound, count in zip((*self.bounds, math.inf), self.counts, strict=True):
            before += count
            if count and before >= wanted:
                return lower, bound
            lower = bound
        return None

    def longer(self, seconds: float) -> int:
        """The number of requests that surely took longer than `seconds`: those of the buckets above it."""
        lowers = (0.0, *self.bounds)
        return sum(count for lower, count in zip(lowers, self.counts, strict=True) if lower >= seconds)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Requests for the scoring script: `errors` were answered with a status of 5xx, and `refused` with one of 4xx."""

    requests: int
    errors: int
    latency: Latency
    refused: int = 0


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Copies of requests that a shadow release answered too.

    `equal` is the number of equal answers, `largest` and `mean` are relative differences of their numbers.
    """

    requests: int
    equal: int
    largest: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class ReleaseMetrics:
    """The figures of one release: since it began, and of the last minute if that is known.

    `minute_seconds` are the seconds that `minute` covers: fewer than 60 for a release that has just begun.
    `restarts` counts the workers that were replaced. `memory` is in bytes, of all its workers.
    """

    release_id: str
    total: Figures
    minute: Figures | None = None
    restarts: int = 0
    memory: int | None = None
    compared: Compared | None = None
    minute_seconds: float = 60.0

    @property
    def rate(self) -> float:
        """The requests per second of the last minute; 0 if that is not known."""
        return self.minute.requests / self.minute_seconds if self.minute else 0.0


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The figures of all releases of a service that run."""

    releases: tuple[ReleaseMetrics, ...]

    @classmethod
    def from_json(cls, document: Json) -> Metrics:
        """The figures in the form of JSON that the scoring server gives. Raises ValueError for another form."""
        try:
            return cls(releases=tuple(_release(each) for each in document["releases"]))
        except (TypeError, KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"these are not figures: {error!r}") from None


def _release(content: Json) -> ReleaseMetrics:
    minute, memory, seconds = content["minute"], content["memory"], float(content.get("minute_seconds", 60.0))
    if not 0 < seconds < math.inf:
        raise ValueError("the seconds of a minute must be a positive number")
    return ReleaseMetrics(
        release_id=str(content["release_id"]),
        total=_figures(content["total"]),
        minute=None if minute is None else _figures(minute),
        restarts=int(content["restarts"]),
        memory=None if memory is None else int(memory),
        compared=Compared(**content["compared"]) if content.get("compared") else None,
        minute_seconds=seconds,
    )


def _figures(content: Json) -> Figures:
    bounds, counts = tuple(map(float, content["bounds"])), tuple(map(int, content["counts"]))
    latency = Latency(bounds=bounds, counts=counts)
    errors, refused = int(content["errors"]), int(content.get("refused", 0))
    return Figures(requests=int(content["requests"]), errors=errors, refused=refused, latency=latency)
