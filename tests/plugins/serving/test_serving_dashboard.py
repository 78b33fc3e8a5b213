"""The dashboard for Grafana asks only for series that a service has, and Debian's Prometheus can answer it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import ROOT
from tests.missing import skip_without
from tests.plugins.serving.serving_kit import Service, ask
from tests.waiting import LIMIT, eventually

DASHBOARD = ROOT / "docs" / "examples" / "dashboard.json"
OWN = {"job", "le"}
"""Labels that Prometheus adds, and that of a bucket."""


def queries() -> list[str]:
    """The queries of all panels and variables, as Grafana would send them."""
    content = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = [target["expr"] for panel in content["panels"] for target in panel["targets"]]
    assert len(panels) > 10
    return [query.replace("$__rate_interval", "1m").replace("$job", ".*") for query in panels]


def series_of(service: Service) -> set[tuple[str, frozenset[str]]]:
    uri = service.serve()
    ask(uri)
    text = ask(uri, None, "GET", {}, "/metrics").body.decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels)) for sample in found}


def test_the_queries_name_series_and_labels_that_a_service_has(service: Service) -> None:
    series = series_of(service)
    names = {name for name, _ in series}
    labels = {label for _, each in series for label in each} | OWN
    asked = set[str]()
    for query in queries():
        asked |= set(re.findall(r"\blading_\w+", query))
        grouped = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
        assert grouped <= labels, query
        assert set(re.findall(r"(\w+)=~?\"", query)) <= labels, query
    assert asked <= names
    forms = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked} == forms  # each one is shown


def test_the_panels_have_places_of_their_own() -> None:
    places = set[tuple[int, int]]()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not places & cells, panel["title"]
        places |= cells


@pytest.fixture
def prometheus(service: Service, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes a service, which has served requests."""
    if shutil.which("prometheus") is None:
        skip_without("install prometheus")
    uri = service.serve(workers=2)
    config, data = tmp_path / "prometheus.yml", tmp_path / "data"
    jobs = [{"job_name": "salary", "scrape_interval": "1s", "static_configs": [{"targets": [urlsplit(uri).netloc]}]}]
    config.write_text(json.dumps({"scrape_configs": jobs}))
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    argv = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}"]
    argv += [f"--web.listen-address=127.0.0.1:{port}"]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def result(prometheus: str, query: str) -> list[Any]:
    """The series of a query; empty before Prometheus answers."""
    address = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(address, timeout=LIMIT) as answer:
            content = json.load(answer)
    except OSError:
        return []
    assert content["status"] == "success", content
    found: list[Any] = content["data"]["result"]
    return found


@pytest.mark.slow
def test_prometheus_scrapes_a_service_and_answers_the_dashboard(prometheus: str, service: Service) -> None:
    released = service.release(1)
    assert released
    for _ in range(5):
        ask(released["public_uri"])

    def counted() -> bool:
        found = result(prometheus, 'lading_requests_total{method="POST", status="200", job="salary"}')
        return [row["value"][1] for row in found] == ["5"]

    eventually(counted, "Prometheus has the five requests")
    assert [row["value"][1] for row in result(prometheus, "up")] == ["1"]
    silent = [query for query in queries() if 'status=~"5.."' in query]
    assert len(silent) == 1  # there were no errors
    for query in queries():
        assert query in silent or eventually(partial(result, prometheus, query), query)
