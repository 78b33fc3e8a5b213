"""Ask two releases that serve the same requests, and compare their answers and latencies."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from ...errors import BadInput, LadingError, StageFailed
from ...model import Capability, Compared, Release, Served, Shown
from . import scoring
from .answers import OTHER, TOLERANCE, differences
from .canaries import canary_of, stable_of
from .golden import accepted, decoded, read, seconds_left
from .observing import read_metrics
from .shifting import find_served

if TYPE_CHECKING:
    from ...model import Json
    from .endpoint import Endpoint
    from .service import Service

_SHOWN = 10
_EACH = 100  # requests between two lines of progress
_BEGIN_ONE = "`lading deploy --canary 0` brings a release up beside it, without requests"


@dataclass(frozen=True, kw_only=True)
class OutputDifference:
    """How one output differs: the largest and the mean relative difference of its values."""

    output: str
    largest: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class DifferentRow:
    """A request whose answers differ: its number from 1, the difference, the request to `new`, and both answers."""

    row: int
    difference: float
    request: Json
    old: Json
    new: Json


@dataclass(frozen=True, kw_only=True)
class LatencyPair:
    """The time of a request in seconds, in one release: the median and the 99th percentile."""

    median: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class AnswerComparison(Shown):
    """The answers of the release `new` compared with those of `old`.

    `equal` is the share of equal answers, from 0 to 1. `failed` counts the requests that `old` and `new` answered with
    another status than 200. `rows` are the ten most different ones. `shadow` has the sums of the copied requests, if
    the target counts them.
    """

    old: int
    new: int
    requests: int
    equal: float
    failed: tuple[int, int]
    outputs: tuple[OutputDifference, ...]
    rows: tuple[DifferentRow, ...]
    old_latency: LatencyPair
    new_latency: LatencyPair
    shadow: Compared | None = None


Requests = Callable[["Release"], Iterable["Json"]]
"""Gives the requests to a release."""


class _Side(NamedTuple):
    """A release that is asked, and the headers that reach it."""

    release: Release
    headers: Mapping[str, str]


def compare(service: Service, numbers: Sequence[int] = (), requests: Requests | None = None) -> AnswerComparison:
    """Ask two releases the golden requests, or other ones. By default these are the stable release and the canary.

    `requests` gives those of a release. Both releases must have as many.

    Raises BadInput if one of the releases does not serve, or if no requests are known, and StageFailed if both releases
    refuse every request.
    """
    pair = _pair(service, numbers)
    golden = _golden(service, pair) if requests is None else []
    one, other = (requests(side.release) if requests else golden for side in pair)
    found = list(_asked(service, pair, zip(one, other, strict=True)))
    if not found:
        raise BadInput("the file has no rows to compare")
    if all(isinstance(answer, _Failure) for each in found for answer in each.answers):
        refused = found[0].answers[1]
        what = f"both releases refuse every request: {json.dumps(refused)}"
        raise StageFailed(what, hint="correct the rows of the file")
    return _comparison(service, pair, found)


class _Failure(dict[str, "Json"]):
    """An answer with another status than 200, as a value that can be compared."""


class _Exchange(NamedTuple):
    request: Json
    answers: tuple[Json, Json]
    seconds: tuple[float, float]


def _pair(service: Service, numbers: Sequence[int]) -> tuple[_Side, _Side]:
    releases = [stable_of(service), canary_of(service)]
    if numbers:
        known = service.releases
        releases = [next((each for each in known if each.number == number), None) for number in numbers]
    elif releases[1] is None:
        raise BadInput(f"{service.name} has no canary to compare with", hint=_BEGIN_ONE)
    status = service.status()
    served = [(each, find_served(status, each.id)) for each in releases if each]
    missing = [number for number, found in zip(numbers, releases, strict=False) if found is None]
    missing += [release.number for release, found in served if found is None]
    if missing:
        raise BadInput(f"release {missing[0]} of {service.name} does not serve", hint=_BEGIN_ONE)
    one, other = (_side(service, release, found) for release, found in served if found)
    return one, other


def _side(service: Service, release: Release, served: Served) -> _Side:
    if not served.headers:
        raise BadInput(f"the target '{service.target.name}' cannot send a request to release {release.number} alone")
    return _Side(release, served.headers)


def _golden(service: Service, pair: tuple[_Side, _Side]) -> list[Json]:
    """The golden requests of the newer release, else of the other one."""
    for side in reversed(pair):
        samples = accepted(side.release, service.session.order.environ, lambda _unset: None)
        if samples:
            return [sample.request for sample in samples]
    raise BadInput(f"{service.name} has no golden requests to compare with", hint="give rows with --data FILE")


def _asked(service: Service, pair: tuple[_Side, _Side], requests: Iterable[tuple[Json, Json]]) -> Iterator[_Exchange]:
    """Ask each release its request. They take turns in being first, so that neither gets the warm caches."""
    endpoint = service.endpoint(service.address())
    sides = [replace(endpoint, headers=side.headers) for side in pair]
    for number, both in enumerate(requests, start=1):
        end = service.session.end()
        turns = (0, 1) if number % 2 else (1, 0)
        found = {turn: _timed(sides[turn], scoring.encode(both[turn]), end) for turn in turns}
        yield _Exchange(both[1], (found[0][0], found[1][0]), (found[0][1], found[1][1]))
        if number % _EACH == 0:
            service.emit("progress", phase="comparing", detail=f"{number} requests")


def _timed(endpoint: Endpoint, body: bytes, end: float | None) -> tuple[Json, float]:
    """An answer and its time. A status other than 200 is an answer, which can differ."""
    began = time.perf_counter()
    answer = endpoint.ask(body, timeout=seconds_left(end))
    seconds = time.perf_counter() - began
    try:
        return decoded(read(answer), None), seconds
    except LadingError:
        if answer.status in scoring.NOT_READY:
            raise
        return _Failure(status=answer.status, error=answer.text(200)), seconds


def _comparison(service: Service, pair: tuple[_Side, _Side], found: Sequence[_Exchange]) -> AnswerComparison:
    outputs: defaultdict[str, list[float]] = defaultdict(list)
    rows = []
    for number, exchange in enumerate(found, start=1):
        changes = list(_changes(exchange))
        for path, difference, _ in changes:
            outputs[_name(path)].append(difference)
        largest = max((difference for _, difference, _ in changes), default=0.0)
        if largest > TOLERANCE:
            old, new = exchange.answers
            rows.append(DifferentRow(row=number, difference=largest, request=exchange.request, old=old, new=new))
    old, new = (_latency([each.seconds[side] for each in found]) for side in (0, 1))
    return AnswerComparison(
        old=pair[0].release.number,
        new=pair[1].release.number,
        requests=len(found),
        equal=1 - len(rows) / len(found),
        failed=(_failed(found, 0), _failed(found, 1)),
        outputs=tuple(
            OutputDifference(output=name, largest=max(values), mean=sum(values) / len(values))
            for name, values in outputs.items()
        ),
        rows=tuple(sorted(rows, key=lambda row: -row.difference)[:_SHOWN]),
        old_latency=old,
        new_latency=new,
        shadow=_shadow(service, pair[1].release.id),
    )


def _changes(exchange: _Exchange) -> Iterator[tuple[str, float, bool]]:
    """The differences of both answers. An answer that failed differs, also from another one that failed."""
    if any(isinstance(answer, _Failure) for answer in exchange.answers):
        return iter([("", OTHER, False)])
    return differences(*exchange.answers)


def _failed(found: Sequence[_Exchange], side: int) -> int:
    return sum(isinstance(each.answers[side], _Failure) for each in found)


def _name(path: str) -> str:
    """The name of an output: its path without the number of the row."""
    return re.sub(r"\[\d+\]", "", path, count=1) or "answer"


def _latency(seconds: list[float]) -> LatencyPair:
    ordered = sorted(seconds)
    return LatencyPair(median=ordered[len(ordered) // 2], p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)])


def _shadow(service: Service, release_id: str) -> Compared | None:
    if not service.plugin.can(Capability.METRICS):
        return None
    return next((each.compared for each in read_metrics(service).releases if each.release_id == release_id), None)
