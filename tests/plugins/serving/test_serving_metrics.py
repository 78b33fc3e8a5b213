"""The metrics of a service, as Prometheus reads them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException

import pytest
from prometheus_client import parser as plain
from prometheus_client.openmetrics import parser as openmetrics
from tests.plugins.serving.serving_kit import Service, ask, exchange
from tests.waiting import eventually

from lading_serving.board import Board
from lading_serving.choice import COUNT_MARK, UNCOUNTED
from lading_serving.exposition import metrics
from lading_serving.figures import FIGURES
from lading_serving.messages import Request

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NAMES = {
    "lading_model_load_seconds",
    "lading_queued_connections",
    "lading_release_info",
    "lading_request_bytes",
    "lading_request_seconds",
    "lading_requests_in_flight",
    "lading_requests_total",
    "lading_resident_memory_bytes",
    "lading_response_bytes",
    "lading_run_seconds",
    "lading_worker_restarts_total",
}
IDENTITY = {
    "LADING_SERVICE": "salary",
    "LADING_RELEASE": "7",
    "LADING_PACKAGE": "ab12",
    "LADING_MODEL_NAME": "price",
    "LADING_MODEL_VERSION": "3",
}
STATUS = """
    from azureml.contrib.services.aml_response import AMLResponse

    def init():
        pass

    def run(raw_data):
        return AMLResponse("", int(raw_data))
"""
LEAVING = """
    import os

    def init():
        pass

    def run(raw_data):
        if raw_data == '"leave"':
            os._exit(7)
        return 1
"""
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(uri: str, accept: str = "") -> Series:
    """All samples of the service, read by the client library's own parser."""
    answer = ask(uri, None, "GET", {"accept": accept}, "/metrics")
    assert answer.status == 200, answer.body
    parse = openmetrics.text_string_to_metric_families if accept else plain.text_string_to_metric_families
    samples = [sample for family in parse(answer.body.decode()) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def value(series: Series, name: str, **labels: str) -> float:
    """The sum of the series of that name with these labels."""
    return sum(number for (found, have), number in series.items() if found == name and labels.items() <= set(have))


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_the_series_of_both_forms_have_the_names_and_a_release(service: Service, accept: str) -> None:
    uri = service.serve(env=IDENTITY)
    assert ask(uri, b"[1]").status == 200
    series = scraped(uri, accept)
    suffixes = ("_bucket", "_count", "_sum")
    found = {next((name.removesuffix(end) for end in suffixes if name.endswith(end)), name) for name, _ in series}
    assert found == NAMES
    assert {dict(labels)["release"] for _, labels in series} == {"7"}
    facts = {"service": "salary", "package": "ab12", "model": "price", "version": "3"}
    assert value(series, "lading_release_info", **facts) == 1
    assert value(series, "lading_requests_total", method="POST", status="200") == 1
    assert value(series, "lading_run_seconds_count") == value(series, "lading_run_seconds_bucket", le="+Inf") == 1
    assert value(series, "lading_request_bytes_sum") == value(series, "lading_response_bytes_sum") == len("[1]")
    assert value(series, "lading_requests_in_flight") == 1  # the one that asks
    assert value(series, "lading_resident_memory_bytes") > 1e6
    assert value(series, "lading_model_load_seconds") > 0


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text", "application/openmetrics-text"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3,*/*;q=0.1", "application/openmetrics-text"),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.5", "text/plain"),
        ("text/plain, application/openmetrics-text;q=0", "text/plain"),
        ("application/openmetrics-text;q=high", "application/openmetrics-text"),
        ("application/openmetrics-text-more", "text/plain"),
        (f"{FIGURES};q=0", "text/plain"),
        (FIGURES.upper(), FIGURES),
    ],
)
def test_the_weights_of_a_client_choose_the_form(accept: str, form: str) -> None:
    answer = metrics(Board(), Request("GET", "/metrics", "", {"accept": accept}, b""))
    assert dict(answer.headers)["content-type"].partition(";")[0] == form


def test_each_worker_answers_for_all_workers(service: Service) -> None:
    uri = service.serve(workers=3)
    for _ in range(30):
        assert ask(uri).status == 200
    asked = [scraped(uri) for _ in range(9)]
    assert {value(series, "lading_requests_total", method="POST") for series in asked} == {30}
    scrapes = [value(series, "lading_requests_total", method="GET") for series in asked]
    assert scrapes == list(range(9))


def test_two_releases_are_told_apart_by_each_of_them(service: Service) -> None:
    uri = service.serve(1)
    service.add(2)
    service.desire(serving=1, candidate=2)
    private = service.until(2, "ready")["uri"]
    assert [ask(uri).status, ask(private).status, ask(private).status] == [200, 200, 200]
    for address in (uri, private):
        series = scraped(address)
        assert [value(series, "lading_requests_total", release=name, method="POST") for name in "12"] == [1, 2]
    service.desire(serving=2)
    service.until_gone(1)
    series = scraped(uri)
    assert {dict(labels)["release"] for _, labels in series} == {"2"}
    assert value(series, "lading_requests_total", method="POST") == 2


def kill(service: Service) -> None:
    os.kill(service.workers()[0], signal.SIGKILL)


def leave(service: Service) -> None:
    released = service.release(1)
    assert released
    with suppress(OSError, HTTPException):
        ask(released["public_uri"], b'"leave"')


@pytest.mark.parametrize(("end", "reason"), [(kill, "killed"), (leave, "exit")])
def test_a_replaced_worker_is_counted_and_its_requests_stay(
    service: Service, end: Callable[[Service], None], reason: str
) -> None:
    uri = service.serve(script=LEAVING)
    for _ in range(4):
        ask(uri, b"[]")
    end(service)
    service.until_restarted(1, 1)
    assert ask(uri, b"[]").status == 200
    series = scraped(uri)
    assert value(series, "lading_requests_total", method="POST", status="200") == 5
    assert value(series, "lading_worker_restarts_total", reason=reason) == 1
    assert value(series, "lading_worker_restarts_total") == 1
    assert value(series, "lading_requests_in_flight") == 1


def test_clients_and_scripts_cannot_add_labels(service: Service) -> None:
    uri = service.serve(script=STATUS)
    before = len(scraped(uri))
    for number in (299, 298, 499, 599, 999):
        ask(uri, str(number).encode())
    for method in ("PROPFIND", "MKCOL", "LINK"):
        assert ask(uri, None, method).status == 405
    assert b" 400 " in exchange(uri, b"ATTACK / HTTP/1.1\r\n\r\n")
    series = scraped(uri)
    found = {name: int(value(series, "lading_requests_total", method="POST", status=name)) for name in ("2xx", "5xx")}
    assert found == {"2xx": 2, "5xx": 2}
    assert value(series, "lading_requests_total", method="other", status="405") == 3
    assert value(series, "lading_requests_total", method="other", status="400") == 1
    assert len(series) - before == 6  # GET 200, and five pairs of a method and a status above


def test_the_figures_cover_scored_requests(service: Service) -> None:
    uri = service.serve(script=STATUS, env={"LADING_RELEASE_ID": "r-1", COUNT_MARK: "5ec2e7"})
    for number in (200, 200, 500, 599):
        ask(uri, str(number).encode())
    ask(uri, None, "GET", path="/")
    ask(uri, None, "GET", path="/none")
    assert ask(uri, b"500", headers={UNCOUNTED: "5ec2e7"}).status == 500
    (found,) = ask(uri, None, "GET", {"accept": FIGURES}, "/metrics").json["releases"]
    assert (found["release"], found["release_id"], found["restarts"]) == ("1", "r-1", 0)
    assert found["total"] == found["minute"]
    assert (found["total"]["requests"], found["total"]["errors"], sum(found["total"]["counts"])) == (4, 2, 4)
    assert len(found["total"]["counts"]) == len(found["total"]["bounds"]) + 1
    assert "/metrics" not in service.log(1)
    assert value(scraped(uri), "lading_requests_total", method="GET") == 2  # without the question for figures
    assert value(scraped(uri), "lading_requests_total", method="POST", status="500") == 2


@pytest.mark.parametrize("mark", [{}, {COUNT_MARK: ""}, {COUNT_MARK: "5ec2e7"}])
def test_a_client_cannot_hide_its_requests(service: Service, mark: dict[str, str]) -> None:
    uri = service.serve(script=STATUS, env=mark)
    for guess in ("1", "", "5ec2e", "5EC2E7", "\xe9"):
        assert ask(uri, b"500", headers={UNCOUNTED: guess}).status == 500
    (found,) = ask(uri, None, "GET", {"accept": FIGURES}, "/metrics").json["releases"]
    assert found["total"]["errors"] == 5


def test_a_release_without_a_place_is_served_uncounted() -> None:
    board = Board()
    entries = [board.add_release({"release": str(number)}) for number in range(33)]
    assert entries[-1] == 0
    assert board.add_slot(entries[-1]) == 0
    slot = board.add_slot(entries[4])
    board.numbers[slot] = 9
    board.remove_release(entries[4])
    assert board.add_release({"release": "33"}) == entries[4]
    assert board.slots(entries[4]) == []
    assert board.numbers[board.add_slot(entries[4])] == 0


def test_scrapes_work_while_a_worker_is_replaced(service: Service) -> None:
    uri = service.serve(workers=2)
    kill(service)
    series = eventually(lambda: scraped(uri), "a scrape")
    assert value(series, "lading_release_info") == 1
