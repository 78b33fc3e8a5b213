"""The figures of a service, sent over OTLP with the names of `/metrics`."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric as Family  # families() needs it too: if it is missing, nothing may start
from prometheus_client.samples import Sample

from .board import Board
from .exposition import families
from .logs import log
from .otlp_traces import resource_of

_PROBLEMS = logging.getLogger("opentelemetry.lading")  # it is shortened and redacted like the loggers of the libraries
_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"  # milliseconds, as for every program with OpenTelemetry
_MINUTE = 60.0  # seconds between two exports, if the variable gives no other time
_TOTALS = ("counter", "summary")
_UNKNOWN = 0  # the begin of a series, because another worker may have sent the first figures
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricsSender:
    """A thread that sends the figures of all workers, as long as this worker holds the lock of the file `turn`.

    Without a file, it sends them always.
    """

    def __init__(self, board: Board, facts: Mapping[str, str], turn: int) -> None:
        self._board, self._turn = board, turn
        self._resource = resource_of(facts)
        self._exporter = OTLPMetricExporter()
        self._seconds = _interval(os.environ)
        threading.Thread(target=self._run, daemon=True).start()

    def send(self) -> None:
        """Send the figures, if this worker has to. It may take as long as the collector is silent."""
        try:
            self._send()
        except Exception:  # the next time may be better
            _PROBLEMS.exception("Exception while exporting metrics.")

    def _send(self) -> None:
        if self._has_turn():
            metrics = tuple(converted(self._board, time.time_ns()))
            scope = ScopeMetrics(scope=InstrumentationScope("lading"), metrics=metrics, schema_url="")
            whole = ResourceMetrics(resource=self._resource, scope_metrics=[scope], schema_url="")
            self._exporter.export(MetricsData(resource_metrics=[whole]))

    def _run(self) -> None:
        while True:
            time.sleep(self._seconds)
            self.send()

    def _has_turn(self) -> bool:
        """Whether this worker sends. The lock goes to another worker when this one ends."""
        if self._turn < 0:
            return True
        try:
            fcntl.lockf(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _interval(env: Mapping[str, str]) -> float:
    """The seconds between two exports. A value that cannot be used is logged, as the SDK does, and counts as unset."""
    if not (text := env.get(_INTERVAL)):
        return _MINUTE
    try:
        seconds = float(text) / 1000
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= threading.TIMEOUT_MAX:
        return seconds
    log(f"{_INTERVAL} is {text!r}, not a number of milliseconds above 0: the metrics are sent once a minute")
    return _MINUTE


def converted(board: Board, now: int) -> Iterator[Metric]:
    """All series of a board for OTLP at a time in nanoseconds."""
    for family in families(board):
        if family.type == "histogram":
            yield _histogram(family, now)
        else:
            yield from _numbers(family, now)


def _numbers(family: Family, now: int) -> Iterator[Metric]:
    for name in dict.fromkeys(sample.name for sample in family.samples):
        points = [
            NumberDataPoint(
                attributes=sample.labels, start_time_unix_nano=_UNKNOWN, time_unix_nano=now, value=sample.value
            )
            for sample in family.samples
            if sample.name == name
        ]
        data = Sum(points, _CUMULATIVE, is_monotonic=True) if family.type in _TOTALS else Gauge(points)
        yield Metric(name=name, description=family.documentation, unit="", data=data)


def _histogram(family: Family, now: int) -> Metric:
    series: dict[str, list[Sample]] = {}
    for sample in family.samples:
        series.setdefault(sample.labels["release"], []).append(sample)
    points = [_point(release, samples, now) for release, samples in series.items()]
    return Metric(name=family.name, description=family.documentation, unit="s", data=Histogram(points, _CUMULATIVE))


def _point(release: str, samples: list[Sample], now: int) -> HistogramDataPoint:
    """A histogram of OTLP, whose buckets do not include each other."""
    buckets = [(sample.labels["le"], int(sample.value)) for sample in samples if sample.name.endswith("_bucket")]
    counts = [count for _, count in buckets]
    return HistogramDataPoint(
        attributes={"release": release},
        start_time_unix_nano=_UNKNOWN,
        time_unix_nano=now,
        count=counts[-1],
        sum=next(sample.value for sample in samples if sample.name.endswith("_sum")),
        bucket_counts=[after - before for before, after in zip([0, *counts], counts, strict=False)],
        explicit_bounds=[float(bound) for bound, _ in buckets[:-1]],
        min=None,  # type: ignore[arg-type]  # a board does not know them, and OTLP does not need them
        max=None,  # type: ignore[arg-type]
    )
