"""Traces and metrics over OTLP, for a service whose environment names a collector.

`OTEL_EXPORTER_OTLP_ENDPOINT` turns them on. `OTEL_SDK_DISABLED` and the exporter `none` turn them off. Only if they are
on, the libraries of OpenTelemetry are imported. They read their other variables themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from .identity import identity
from .logs import log

if TYPE_CHECKING:
    from .messages import Request, Response
    from .otlp_metrics import MetricsSender
    from .otlp_traces import Spans
    from .recorder import Recorder

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_DISABLED = "OTEL_SDK_DISABLED"
_EXPORTER_OF_TRACES = "OTEL_TRACES_EXPORTER"
_EXPORTER_OF_METRICS = "OTEL_METRICS_EXPORTER"
_FLUSH_LIMIT = 1.0  # seconds at the end of a process
_MISSING = (
    f"{ENDPOINT} is set, but {{}} is not installed: pip install 'lading[otel]', or add "
    "opentelemetry-exporter-otlp-proto-http and prometheus-client to the requirements of the package"
)


Made = TypeVar("Made")


class NotInstalled(Exception):
    """A library that the environment asks for is missing. The message has the line to add."""


class Telemetry:
    """Sends a span for each request, and the figures of the service at regular times.

    Threads send them. If the collector does not answer, spans are dropped, and no request waits.
    """

    def __init__(self, spans: Spans | None, metrics: MetricsSender | None) -> None:
        self._spans = spans
        self._metrics = metrics

    def tracing(self, answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """Record a span for each request. The recorder must record `answer` too, because it has facts for the span."""
        return self._spans.tracing(answer) if self._spans else answer

    def end(self) -> None:
        """Send the rest, and wait for it a short time."""
        flush = threading.Thread(target=self._flush, daemon=True)
        flush.start()
        flush.join(_FLUSH_LIMIT)

    def _flush(self) -> None:
        if self._spans:
            self._spans.flush()
        if self._metrics:
            self._metrics.send()


def telemetry_of(env: Mapping[str, str], recorder: Recorder, turn: int = -1) -> Telemetry | None:
    """The telemetry that an environment asks for; None without a collector.

    `turn` is a file that all workers of a service share. The one that can lock it sends the figures of all. Raises
    NotInstalled.
    """
    has_traces, has_metrics = _exports(env, _EXPORTER_OF_TRACES), _exports(env, _EXPORTER_OF_METRICS)
    if not (has_traces or has_metrics):
        return None
    from .otlp_log import shorten

    shorten(env)
    known = identity(env)
    try:
        spans = _unless_refused(env, "traces", lambda: _spans(recorder, known)) if has_traces else None
        metrics = _unless_refused(env, "metrics", lambda: _metrics(recorder, known, turn)) if has_metrics else None
        return Telemetry(spans, metrics)
    except ImportError as error:
        raise NotInstalled(_MISSING.format(error.name)) from error


def _unless_refused(env: Mapping[str, str], signal: str, make: Callable[[], Made]) -> Made | None:
    """A sender, or None if the libraries refuse a value of the environment. A service without telemetry can answer."""
    try:
        return make()
    except ImportError:
        raise
    except Exception as error:  # the libraries read the values themselves, and raise errors of many kinds
        names = [
            name for name, value in env.items() if name.startswith("OTEL_") and len(value) > 2 and value in str(error)
        ]
        refused, kind = " or ".join(names) or "a variable OTEL_…", type(error).__name__
        log(f"no {signal} are sent, because OpenTelemetry refuses {refused}: {kind}")  # its text may quote a password
        return None


def _exports(env: Mapping[str, str], exporter: str) -> bool:
    """Whether a collector is named, and the variable `exporter` does not turn its signal off."""
    is_disabled = env.get(_DISABLED, "").strip().lower() == "true"
    return bool(env.get(ENDPOINT)) and not is_disabled and env.get(exporter, "").strip().lower() != "none"


def _spans(recorder: Recorder, known: Mapping[str, str]) -> Spans:
    from .otlp_traces import Spans

    return Spans(recorder, known)


def _metrics(recorder: Recorder, known: Mapping[str, str], turn: int) -> MetricsSender:
    from .otlp_metrics import MetricsSender

    return MetricsSender(recorder.board, known, turn)
