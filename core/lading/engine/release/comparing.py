"""Ask two releases that serve the same requests, and compare their answers and latencies."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from ...errors import BadInput, LadingError, StageFailed, Transient
from ...model import Compared, Release, Served, Shown
from . import scoring
from .answers import OTHER, TOLERANCE, differences
from .canaries import canary_of, stable_of
from .golden import accepted, decoded, read, seconds_left
from .observing import seen_metrics
from .shifting import find_served

if TYPE_CHECKING:
    from ...model import Json
    from .endpoint import Endpoint
    from .service import Service

_SHOWN = 10
_EACH = 100  # requests between two lines of progress
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds before each look whether a release is ready again
_HOPELESS = 10  # requests in sequence that a release does not answer
_LOGS = "`lading logs` shows its log"
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
    another status than 200, or did not answer twice. `rows` are the ten most different ones. `shadow` has the sums of
    the copied requests, if the target counts them.
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

    Raises BadInput before the first request, if one of the releases does not serve, if no requests are known, or if one
    cannot be sent. Raises StageFailed if both releases refuse every request, and Transient if one does not answer.
    """
    pair = _pair(service, numbers)
    golden = _golden(service, pair) if requests is None else []
    one, other = (list(requests(side.release)) if requests else golden for side in pair)
    found = list(_asked(service, pair, zip(one, other, strict=True)))
    if not found:
        raise BadInput("the file has no rows to compare")
    if all(isinstance(answer, _Failure) for each in found for answer in each.answers):
        refused = found[0].answers[1]
        what = f"both releases refuse every request: {json.dumps(refused)}"
        raise StageFailed(what, hint="correct the rows of the file")
    return _comparison(service, pair, found)


class _Failure(dict[str, "Json"]):
    """An answer with another status than 200, as a value that can be compared. The status is None without an answer."""

    @property
    def is_unanswered(self) -> bool:
        return self["status"] is None or self["status"] in scoring.NOT_READY


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
    unanswered, endpoint = 0, service.endpoint(service.address())
    sides = [(side.release, replace(endpoint, headers=side.headers)) for side in pair]
    for number, both in enumerate(requests, start=1):
        turns = (0, 1) if number % 2 else (1, 0)
        found = {turn: _timed(service, *sides[turn], scoring.encode(both[turn])) for turn in turns}
        yield _Exchange(both[1], (found[0][0], found[1][0]), (found[0][1], found[1][1]))
        failures = [each for each, _ in found.values() if isinstance(each, _Failure) and each.is_unanswered]
        unanswered = unanswered + 1 if failures else 0
        if unanswered == _HOPELESS:
            raise Transient(f"{_HOPELESS} requests in sequence were not answered: {failures[0]['error']}", hint=_LOGS)
        if number % _EACH == 0:
            service.emit("progress", phase="comparing", detail=f"{number} requests")


def _timed(service: Service, release: Release, endpoint: Endpoint, body: bytes) -> tuple[Json, float]:
    """An answer and its time.

    A request can end the worker that answers it, or arrive while a worker is replaced. So a request without an answer
    is repeated once, when the release is ready again. If it fails again, this is its answer.
    """
    found, seconds = _tried(endpoint, body, service.session.end())
    if isinstance(found, _Failure) and found.is_unanswered:
        _wait_until_ready(service, release, found)
        found, seconds = _tried(endpoint, body, service.session.end())
    return found, seconds


def _tried(endpoint: Endpoint, body: bytes, end: float | None) -> tuple[Json, float]:
    """An answer and its time. A status other than 200 is an answer, which can differ."""
    began = time.perf_counter()
    try:
        answer = endpoint.ask(body, timeout=seconds_left(end))
    except Transient as error:
        return _Failure(status=None, error=error.message), time.perf_counter() - began
    seconds = time.perf_counter() - began
    try:
        return decoded(read(answer), None), seconds
    except LadingError:
        return _Failure(status=answer.status, error=answer.text(200)), seconds


def _wait_until_ready(service: Service, release: Release, failure: _Failure) -> None:
    """Wait about a minute for a release that did not answer. Raises Transient if it is not ready then."""
    what = f"release {release.number} of {service.name}"
    service.emit("progress", phase="comparing", detail=f"{what} did not answer: {failure['error']}")
    for pause in _PAUSES:
        service.session.pause(pause, what, "not ready", None)
        with suppress(Transient):  # the target is busy
            served = find_served(service.status(), release.id)
            if served and served.ready:
                return
    raise Transient(f"{what} does not answer: {failure['error']}", hint=_LOGS)


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
        rows=tuple(sorted(rows, key=_by_difference)[:_SHOWN]),
        old_latency=old,
        new_latency=new,
        shadow=_shadow(service, pair[1].release.id),
    )


def _changes(exchange: _Exchange) -> Iterator[tuple[str, float, bool]]:
    """The differences of both answers. An answer that failed differs, also from another one that failed."""
    if any(isinstance(answer, _Failure) for answer in exchange.answers):
        return iter([("", OTHER, False)])
    return differences(*exchange.answers)


def _by_difference(row: DifferentRow) -> tuple[bool, float]:
    """Sorts rows that only one release has answered first, and then those with the largest differences."""
    return isinstance(row.old, _Failure) == isinstance(row.new, _Failure), -row.difference


def _failed(found: Sequence[_Exchange], side: int) -> int:
    return sum(isinstance(each.answers[side], _Failure) for each in found)


def _name(path: str) -> str:
    """The name of an output: its path without the number of the row."""
    return re.sub(r"\[\d+\]", "", path, count=1) or "answer"


def _latency(seconds: list[float]) -> LatencyPair:
    ordered = sorted(seconds)
    return LatencyPair(median=ordered[len(ordered) // 2], p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)])


def _shadow(service: Service, release_id: str) -> Compared | None:
    """The sums of the copied requests. The comparison counts without them too, so a failure is only a warning."""
    found = seen_metrics(service)
    if isinstance(found, str):
        if found:
            service.emit("warning", detail=f"the figures of the copied requests cannot be read: {found}")
        return None
    return next((each.compared for each in found.releases if each.release_id == release_id), None)
