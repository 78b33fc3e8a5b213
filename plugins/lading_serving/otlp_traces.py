"""A span for each request, sent over OTLP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .board import SCORING
from .messages import Request, Response
from .recorder import Recorder
from .tracing import HEADER


class _Ids(RandomIdGenerator):
    """Gives a span the id that was sent to the client."""

    def __init__(self) -> None:
        self.sent_id = ""

    def generate_span_id(self) -> int:
        return int(self.sent_id, 16) if self.sent_id else super().generate_span_id()


class Spans:
    """Records the spans of a worker. A thread sends them. If its queue is full, the oldest are dropped."""

    def __init__(self, recorder: Recorder, facts: Mapping[str, str]) -> None:
        self._recorder = recorder
        self._release = facts["release"]
        self._ids = _Ids()
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        provider = TracerProvider(resource=resource_of(facts), id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("lading")
        self._propagator = TraceContextTextMapPropagator()

    def tracing(self, answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def traced(request: Request) -> Response:
            started = time.time_ns()
            response = answer(request)
            if not self._recorder.is_silent:
                self._record(request, response, started)
            return response

        return traced

    def flush(self) -> None:
        """Send all spans. It may take as long as the collector is silent."""
        self._processor.force_flush()

    def _record(self, request: Request, response: Response, started: int) -> None:
        header = next((value for name, value in response.headers if name == HEADER), "")
        self._ids.sent_id = header.split("-")[2] if header else ""
        is_scoring = self._recorder.group == SCORING
        span = self._tracer.start_span(
            f"{request.method} {request.path}" if is_scoring else request.method,  # clients choose other paths
            context=self._propagator.extract(request.headers) if header else None,
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "url.path": request.path,
                "http.response.status_code": response.status,
                "lading.release": self._release,
                "lading.request_id": self._recorder.request_id,
            },
            start_time=started,
        )
        if response.status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()


def resource_of(facts: Mapping[str, str]) -> Resource:
    """The service for the collector. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win."""
    known = Resource.create({"service.name": facts["service"] or "lading", "service.version": facts["release"]})
    return known.merge(OTELResourceDetector().detect())
