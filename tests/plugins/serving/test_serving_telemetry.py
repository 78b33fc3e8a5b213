"""Traces and metrics over OTLP, sent by real workers to a receiver that parses them with the official types."""

from __future__ import annotations

import gzip
import http.server
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.parser import text_string_to_metric_families
from tests.plugins.serving.serving_kit import ECHO, NAMED, Service, ask
from tests.waiting import eventually

from lading_serving import otlp_metrics
from lading_serving.messages import Request, Response
from lading_serving.recorder import Recorder
from lading_serving.telemetry import NotInstalled, telemetry_of

FACTS = {"LADING_SERVICE": "salary", "LADING_RELEASE": "7"}
TRACE, PARENT = 31 * "0" + "a", 15 * "0" + "b"
RAISING = """
    def init():
        pass

    def run(raw_data):
        raise ValueError(raw_data)
"""


class Collector(http.server.ThreadingHTTPServer):
    """A receiver of OTLP over HTTP."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.resources: list[Any] = []
        self.metrics: dict[str, Any] = {}
        self.senders: set[int] = set()

    @property
    def env(self) -> dict[str, str]:
        """The environment of a service that sends to this receiver quickly."""
        quick = {"OTEL_METRIC_EXPORT_INTERVAL": "200", "OTEL_BSP_SCHEDULE_DELAY": "100"}
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}", **quick, **FACTS}

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(batch.resource)
                self.spans += [span for scope in batch.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for sent in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics = {each.name: each for scope in sent.scope_metrics for each in scope.metrics}


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.senders.add(self.client_address[1])
        self.server.take(self.path, gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def attributes(found: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in found}


def test_each_request_is_a_span_of_the_clients_trace(collector: Collector, service: Service) -> None:
    uri = service.serve(env=collector.env)
    answer = ask(uri, b"1", headers={"content-type": "application/json", "traceparent": f"00-{TRACE}-{PARENT}-01"})
    ask(uri, None, "GET", {}, "/any/path/of/a/client")
    eventually(lambda: len(collector.spans) == 2, "two spans arrive")
    first, second = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, PARENT)
    assert first.span_id.hex() == answer.headers["traceparent"].split("-")[2]
    assert (first.name, second.name) == ("POST /score", "GET")
    assert first.kind == Span.SPAN_KIND_SERVER
    found = attributes(first.attributes)
    assert (found["http.response.status_code"], found["lading.release"]) == (200, "7")
    assert found["lading.request_id"] == answer.headers["x-ms-request-id"]
    assert attributes(second.attributes)["http.response.status_code"] == 404
    assert not second.parent_span_id
    assert 0 <= first.end_time_unix_nano - first.start_time_unix_nano < 10e9
    known = attributes(collector.resources[0].attributes)
    assert (known["service.name"], known["service.version"]) == ("salary", "7")


def test_a_failed_request_is_a_failed_span_and_an_unsampled_one_is_none(collector: Collector, service: Service) -> None:
    uri = service.serve(script=RAISING, env=collector.env)
    json = {"content-type": "application/json"}
    ask(uri, b"1", headers={**json, "traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert ask(uri, b"1", headers=json).status == 500
    eventually(lambda: collector.spans, "a span arrives")
    service.stop()  # sends the rest
    assert [span.status.code for span in collector.spans] == [Status.STATUS_CODE_ERROR]


def test_the_metrics_have_the_names_and_the_values_of_the_page(collector: Collector, service: Service) -> None:
    uri = service.serve(script=NAMED, env={**collector.env, "SERVICE_VERSION": "1"}, workers=2)
    for _ in range(20):
        ask(uri, b"1")

    def arrived() -> bool:
        sent = collector.metrics.get("lading_requests_total")
        return sent is not None and sum(point.as_int for point in sent.sum.data_points) == 20

    eventually(arrived, "the figures of both workers arrive")
    page = {family.name: family for family in text_string_to_metric_families(_page(uri))}
    samples = {
        sample.name
        for family in page.values()
        for sample in family.samples
        if family.type != "histogram" and not sample.name.endswith("_created")
    }
    assert collector.metrics.keys() == samples | {"lading_request_seconds", "lading_run_seconds"}
    total = collector.metrics["lading_requests_total"]
    assert (total.sum.is_monotonic, total.sum.aggregation_temporality) == (True, 2)
    (point,) = total.sum.data_points
    assert attributes(point.attributes) == {"release": "7", "method": "POST", "status": "200"}
    (histogram,) = collector.metrics["lading_run_seconds"].histogram.data_points
    assert histogram.count == sum(histogram.bucket_counts) == 20
    assert len(histogram.bucket_counts) == len(histogram.explicit_bounds) + 1
    assert not histogram.HasField("min")


def _page(uri: str) -> str:
    return ask(uri, None, "GET", {}, "/metrics").body.decode()


def test_the_figures_come_from_another_worker_when_one_has_ended(collector: Collector, service: Service) -> None:
    uri = service.serve(env=collector.env, workers=2)
    eventually(lambda: collector.metrics, "figures arrive")
    for pid in service.workers():
        collector.metrics = {}
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: collector.metrics, "figures arrive again")
    assert ask(uri).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "abc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-7"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many"),
    ],
)
def test_a_value_that_the_libraries_refuse_stops_no_service(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    seldom = {"OTEL_METRIC_EXPORT_INTERVAL": "3600000"}  # the thread of the metrics does not end in this process
    env = {**collector.env, **seldom, name: value}
    for each in env.items():
        monkeypatch.setenv(*each)
    telemetry = telemetry_of(env, Recorder())
    assert telemetry is not None
    answer = Response(200, b"", [])
    assert telemetry.tracing(lambda _request: answer)(Request("POST", "/score", "", {}, b"")) is answer
    telemetry.end()
    said = capfd.readouterr().err
    assert "no traces are sent, because OpenTelemetry refuses " in said
    assert name in said or "a variable OTEL_" in said
    assert f": {value}" not in said, "a value may be a password"
    assert f"'{value}'" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEADERS", "authorization: Bearer s3cr3t-t0ken"),  # the libraries quote it, because it has no `=`
        ("HEADERS", "api-key=s3cr3t-t0ken%0Arest-of-it"),  # requests quotes it, because of the end of a line
        ("ENDPOINT", "grpc://otel:s3cr3t-t0ken@127.0.0.1:9"),  # requests quotes it, because of the scheme
    ],
)
def test_a_password_for_the_collector_is_not_logged(
    collector: Collector, service: Service, name: str, value: str
) -> None:
    uri = service.serve(env={**collector.env, f"OTEL_EXPORTER_OTLP_{name}": value})
    assert ask(uri, b"1").status == 200
    eventually(lambda: "telemetry was not sent: " in service.log(1), "the problem is logged")
    assert f"${{OTEL_EXPORTER_OTLP_{name}}}" in service.log(1)
    assert "s3cr3t" not in service.log(1)


def test_a_service_with_such_a_value_answers(collector: Collector, service: Service) -> None:
    uri = service.serve(env={**collector.env, "OTEL_EXPORTER_OTLP_TIMEOUT": "abc"})
    assert ask(uri).status == 200
    assert "because OpenTelemetry refuses OTEL_EXPORTER_OTLP_TIMEOUT: ValueError" in service.log(1)


@pytest.mark.parametrize("kind", ["refuses", "is silent"])
def test_an_unreachable_collector_neither_delays_nor_fails_a_request(service: Service, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if kind == "refuses":
            listener.close()
        quick = {"OTEL_METRIC_EXPORT_INTERVAL": "100", "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_MAX_QUEUE_SIZE": "8"}
        small = {**quick, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
        without = seconds_of_requests(service.serve(1))
        uri = service.serve(2, env={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", **small, **FACTS})
        assert seconds_of_requests(uri) < 20 * without
        if kind == "refuses":
            eventually(lambda: "telemetry was not sent" in service.log(2), "the problem is logged")
        service.stop()
    log = service.log(2)
    assert "Traceback" not in log
    assert log.count("telemetry was not sent") <= 2


def seconds_of_requests(uri: str) -> float:
    started = time.monotonic()
    assert [ask(uri, b"1").status for _ in range(100)] == [200] * 100
    return time.monotonic() - started


def test_a_missing_library_is_named_before_the_release_comes_up(
    collector: Collector, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = 'import sys; sys.modules["opentelemetry"] = None\n'
    folder = service.folder.path / "blocked"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(blocked)
    service.add(1, ECHO, {**collector.env, "PYTHONPATH": str(folder)})
    service.desire(candidate=1)
    reason = service.until(1, "failed")["reason"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set, but opentelemetry" in reason
    assert "pip install 'lading[otel]'" in reason
    monkeypatch.delitem(sys.modules, "lading_serving.otlp_metrics", raising=False)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "prometheus_client.core", None)
        with pytest.raises(NotInstalled, match=r"is not installed: .* and prometheus-client to"):
            telemetry_of(collector.env, Recorder())
    monkeypatch.setitem(sys.modules, "lading_serving.otlp_traces", None)
    monkeypatch.setitem(sys.modules, "lading_serving.otlp_metrics", None)
    with pytest.raises(NotInstalled, match="is not installed"):
        telemetry_of(collector.env, Recorder())


NAMED_COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {**NAMED_COLLECTOR, "OTEL_SDK_DISABLED": "True"},
        {**NAMED_COLLECTOR, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
    ],
)
def test_without_a_collector_nothing_is_sent(env: Mapping[str, str]) -> None:
    assert telemetry_of(env, Recorder()) is None


@pytest.mark.parametrize("off", ["TRACES", "METRICS"])
def test_the_exporter_none_turns_one_signal_off(collector: Collector, service: Service, off: str) -> None:
    uri = service.serve(env={**collector.env, f"OTEL_{off}_EXPORTER": "none"})
    ask(uri, b"1")
    service.stop()  # sends the rest
    assert (bool(collector.spans), bool(collector.metrics)) == (off == "METRICS", off == "TRACES")


@pytest.mark.parametrize(
    ("text", "seconds"), [("250.5", 0.2505), ("", 60), ("0", 60), ("-1", 60), ("soon", 60), ("nan", 60), ("inf", 60)]
)
def test_the_interval_of_metrics_is_read_as_by_opentelemetry(
    capsys: pytest.CaptureFixture[str], text: str, seconds: float
) -> None:
    assert otlp_metrics._interval({"OTEL_METRIC_EXPORT_INTERVAL": text}) == seconds
    is_wrong = text not in {"250.5", ""}
    assert ("OTEL_METRIC_EXPORT_INTERVAL is" in capsys.readouterr().err) == is_wrong
