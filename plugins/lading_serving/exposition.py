"""The answer to `GET /metrics`: the figures of all releases of the service, in the text form of Prometheus or
OpenMetrics.

Every series has the label `release`. No label takes a value from a client: methods and statuses are from fixed lists.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from .board import (
    IN_FLIGHT,
    LATENCY,
    LATENCY_SUM,
    LOAD,
    OTHER,
    QUEUED,
    RECEIVED,
    RUN,
    RUN_SUM,
    SCORING,
    SECONDS,
    SENT,
    TIME_CELLS,
    Board,
)
from .figures import FIGURES, document, resident_bytes, restarts, statuses
from .messages import Request, Response, failure

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_OPENMETRICS = "application/openmetrics-text"
_FACTS = ("service", "release", "package", "model", "version")
_REQUESTS = "Requests that were answered, by method and status."
_LATENCY = "Seconds from a complete request to its response."
_RUN = "Seconds of one call of run() in the scoring script."
_RECEIVED = "Bytes of the bodies of requests."
_SENT = "Bytes of the bodies of responses."
_IN_FLIGHT = "Requests that a worker is answering at present."
_QUEUED = "Connections with something to do that wait for a worker."
_RESTARTS = "Workers that ended and were replaced, by reason."
_LOAD = "Seconds that importing and initialising the scoring script took, of the slowest worker."
_MEMORY = "Resident memory of the workers."


def asks_for_figures(request: Request) -> bool:
    """Whether the request is one of Lading for the figures as JSON."""
    return request.weight(FIGURES) > 0


def metrics(board: Board, request: Request) -> Response:
    """The figures in the form that the request accepts."""
    if asks_for_figures(request):
        return Response(200, json.dumps(document(board)).encode(), [("content-type", FIGURES), ("vary", "Accept")])
    try:
        wanted = request.weight(_OPENMETRICS)
        content, kind = _exposed(board, openmetrics=wanted > 0 and wanted >= request.weight("text/plain"))
    except ImportError:
        return failure(501, "the environment of this service has no prometheus-client")
    return Response(200, content, [("content-type", kind), ("vary", "Accept")])


def _exposed(board: Board, *, openmetrics: bool) -> tuple[bytes, str]:
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(_collector()(board))
    encode, kind = choose_encoder(_OPENMETRICS if openmetrics else "")
    return encode(registry), kind


@cache
def _collector() -> type:
    from prometheus_client.registry import Collector

    class BoardCollector(Collector):
        """Reads a board when it is asked for its figures."""

        def __init__(self, board: Board) -> None:
            self._board = board

        def describe(self) -> Iterable[Metric]:
            """Describe nothing, so that registering does not read the board."""
            return ()

        def collect(self) -> Iterator[Metric]:
            yield from families(self._board)

    return BoardCollector


def families(board: Board) -> Iterator[Metric]:
    """All series of a board."""
    from prometheus_client.core import InfoMetricFamily

    groups: dict[str, list[int]] = {}
    info = InfoMetricFamily("lading_release", "The release, its package and its model.", labels=())
    for entry in board.releases():
        facts = board.facts(entry)
        groups.setdefault(facts.get("release", ""), []).append(entry)
        info.add_metric((), {name: facts.get(name, "") for name in _FACTS})
    slots = {release: [slot for each in entries for slot in board.slots(each)] for release, entries in groups.items()}
    yield info
    yield _requests(board, slots)
    yield from _histograms(board, slots)
    yield from _sizes(board, slots)
    yield from _gauges(board, groups, slots)
    yield _restarts(board, groups)


def _requests(board: Board, slots: dict[str, list[int]]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily("lading_requests", _REQUESTS, labels=("release", "method", "status"))
    for release, places in slots.items():
        found: Counter[tuple[str, str]] = Counter()
        for place in places:
            for group in (OTHER, SCORING):
                for method, status, count in statuses(board, place, group):
                    found[method, status] += count
        for labels, count in sorted(found.items()):
            family.add_metric((release, *labels), count)
    return family


def _histograms(board: Board, slots: dict[str, list[int]]) -> Iterator[Metric]:
    from prometheus_client.core import HistogramMetricFamily

    groups = (OTHER, SCORING)
    latency = [LATENCY + group * TIME_CELLS for group in groups], [LATENCY_SUM + group for group in groups]
    for name, text, starts, sums in (
        ("lading_request_seconds", _LATENCY, *latency),
        ("lading_run_seconds", _RUN, [RUN], [RUN_SUM]),
    ):
        family = HistogramMetricFamily(name, text, labels=("release",))
        for release, places in slots.items():
            cumulative = _cumulative(board, [place + start for place in places for start in starts])
            whole = sum(board.floats[place + offset] for place in places for offset in sums)
            family.add_metric((release,), list(zip([*map(repr, SECONDS), "+Inf"], cumulative, strict=True)), whole)
        yield family


def _cumulative(board: Board, starts: list[int]) -> list[int]:
    """The buckets at some places, added up, each with all earlier ones."""
    return list(accumulate(sum(board.numbers[start + offset] for start in starts) for offset in range(TIME_CELLS)))


def _sizes(board: Board, slots: dict[str, list[int]]) -> Iterator[Metric]:
    from prometheus_client.core import SummaryMetricFamily

    groups = (OTHER, SCORING)
    for name, text, offset in (("lading_request_bytes", _RECEIVED, RECEIVED), ("lading_response_bytes", _SENT, SENT)):
        family = SummaryMetricFamily(name, text, labels=("release",))
        for release, places in slots.items():
            counts = sum(count for place in places for group in groups for *_, count in statuses(board, place, group))
            family.add_metric((release,), counts, sum(board.numbers[place + offset] for place in places))
        yield family


def _gauges(board: Board, groups: dict[str, list[int]], slots: dict[str, list[int]]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    def gauge(name: str, text: str, value: Callable[[str], float | None]) -> Metric:
        family = GaugeMetricFamily(name, text, labels=("release",))
        for release in slots:
            if (found := value(release)) is not None:
                family.add_metric((release,), found)
        return family

    def added(offset: int) -> Callable[[str], float]:
        return lambda release: sum(board.numbers[slot + offset] for slot in slots[release])

    yield gauge("lading_requests_in_flight", _IN_FLIGHT, added(IN_FLIGHT))
    yield gauge("lading_queued_connections", _QUEUED, added(QUEUED))
    slowest = lambda release: max((board.floats[slot + LOAD] for slot in slots[release]), default=None)  # noqa: E731
    yield gauge("lading_model_load_seconds", _LOAD, slowest)
    yield gauge("lading_resident_memory_bytes", _MEMORY, lambda release: _memory(board, groups[release]))


def _memory(board: Board, entries: list[int]) -> float | None:
    found = [size for entry in entries if (size := resident_bytes(board, entry)) is not None]
    return sum(found) if found else None


def _restarts(board: Board, groups: dict[str, list[int]]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily("lading_worker_restarts", _RESTARTS, labels=("release", "reason"))
    for release, entries in groups.items():
        found = Counter[str]()
        for entry in entries:
            found.update(restarts(board, entry))
        for reason, count in found.items():
            family.add_metric((release, reason), count)
    return family
