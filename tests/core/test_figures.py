"""Figures of releases: quantiles from buckets, the form of JSON, and the rows of `lading status`."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Shell
from tests.plugins.serving.tls_kit import make_pair
from tests.waiting import eventually

from lading import Figures, Latency, Metrics, ReleaseMetrics
from lading.cli import figures
from lading.engine.release.breaches import since
from lading.python.measurement import Measurement
from lading_serving.board import OTHER, SCORING, SECONDS, Board, table_cell
from lading_serving.figures import begin, document, last_minute, remember, restarted, total
from lading_serving.recorder import Place, Recorder

MANIFEST = "manifests/salary.yaml"
STUCK = """
import os, time

def init():
    pass

def run(raw_data):
    open(os.environ["ASKED"], "w").close()
    while os.path.exists(os.environ["ASKED"]):
        time.sleep(0.05)
    return 1
"""


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ((0, 0, 0), 0.5, None),
        ((4, 0, 0), 0.5, 0.5),
        ((2, 2, 0), 0.5, 1.0),
        ((2, 2, 0), 0.75, 1.5),
        ((0, 0, 5), 0.5, 2.0),
        ((1, 0, 99), 0.99, 2.0),
    ],
)
def test_a_quantile_is_estimated_within_its_bucket(
    counts: tuple[int, ...], share: float, seconds: float | None
) -> None:
    assert Latency(bounds=(1.0, 2.0), counts=counts).quantile(share) == seconds


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_its_request(counts: list[int], share: float) -> None:
    bounds = (0.1, 1.0, 10.0)
    found = Latency(bounds=bounds, counts=tuple(counts)).quantile(share)
    values = [bound for bound, count in zip((*bounds, 10.0), counts, strict=True) for _ in range(count)]
    if not values:
        assert found is None
        return
    exact = values[max(0, -int(-(share * len(values)) // 1) - 1)]
    assert found is not None
    assert found <= exact + 1e-9
    assert found >= max([0.0, *(bound for bound in bounds if bound < exact)]) - 1e-9


@pytest.mark.parametrize(("bounds", "counts"), [((1.0,), (1,)), ((2.0, 1.0), (1, 1, 1)), ((1.0, 1.0), (1, 1, 1))])
def test_buckets_that_do_not_fit_are_refused(bounds: tuple[float, ...], counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one count more than bounds"):
        Latency(bounds=bounds, counts=counts)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_the_rate_of_no_time_is_refused(seconds: float) -> None:
    board = Board()
    board.add_release({"release": "1", "release_id": "r-1"})
    content = json.loads(json.dumps(document(board)))
    content["releases"][0]["minute_seconds"] = seconds
    with pytest.raises(ValueError, match="seconds of a minute"):
        Metrics.from_json(content)


@pytest.mark.parametrize("content", [None, [], {}, {"releases": 1}, {"releases": [{}]}, {"releases": [{"minute": 1}]}])
def test_other_json_is_not_figures(content: object) -> None:
    with pytest.raises(ValueError, match="not figures"):
        Metrics.from_json(content)


def board() -> tuple[Board, int, Recorder]:
    found = Board()
    entry = found.add_release({"release": "3", "release_id": "r-3"})
    begin(found, entry)
    return found, entry, Recorder(Place(found, found.add_slot(entry)))


def count(found: Board, entry: int, times: int, status: int = 200) -> None:
    (slot,) = found.slots(entry)
    found.numbers[slot + table_cell(SCORING, "POST", status)] += times
    found.numbers[slot + table_cell(OTHER, "GET", 500)] += times


def test_the_document_of_a_board_is_figures() -> None:
    found, entry, _ = board()
    count(found, entry, 2, 503)
    restarted(found, entry, "stuck")
    (release,) = Metrics.from_json(json.loads(json.dumps(document(found)))).releases
    assert (release.release_id, release.restarts, release.total.errors) == ("r-3", 1, 2)
    assert release.total.latency.bounds == SECONDS
    assert release.minute == release.total
    assert release.memory is None or release.memory > 1e6


def test_refused_requests_are_counted_beside_errors() -> None:
    found, entry, _ = board()
    for status, number in ((200, 5), (422, 3), (400, 1), (500, 2)):
        count(found, entry, number, status)
    assert (total := document(found)["releases"][0]["total"])["refused"] == 4
    assert total["errors"] == 2


def totals(requests: int, errors: int, counts: tuple[int, int]) -> Metrics:
    seen = Figures(requests=requests, errors=errors, latency=Latency(bounds=(1.0,), counts=counts))
    return Metrics(releases=(ReleaseMetrics(release_id="new", total=seen),))


@pytest.mark.parametrize("then", [totals(400, 100, (400, 0)), totals(400, 0, (100, 300))])
def test_a_sum_that_is_lower_than_before_counts_from_the_start(then: Metrics) -> None:
    """One of several replicas was replaced: the others have had more requests meanwhile."""
    assert since(totals(800, 30, (790, 10)), then, "new", "old").canary.errors == 30


def test_the_last_minute_is_the_difference_to_a_snapshot_of_its_begin() -> None:
    found, entry, _ = board()
    start = found.floats[entry + 14]
    for second in range(0, 300, 5):
        remember(found, entry, start + second)
        remember(found, entry, start + second + 1)  # not due
        count(found, entry, 1, 500)
        minute = last_minute(found, entry, start + second + 2)
        assert minute
        assert minute.scored.errors == min(second // 5 + 1, 13)  # of 62 seconds
        assert minute.seconds == pytest.approx(min(second + 2, 62))


def test_without_a_snapshot_of_that_time_the_last_minute_is_unknown() -> None:
    found, entry, _ = board()
    start = found.floats[entry + 14]
    remember(found, entry, start)
    assert last_minute(found, entry, start + 59)
    assert last_minute(found, entry, start + 0.1) == (total(found, entry), 1.0)
    assert last_minute(found, entry, start + 62)
    assert last_minute(found, entry, start + 120) is None


def metrics(identity: str, minute: Figures | None, restarts: int = 0, memory: int | None = None) -> ReleaseMetrics:
    total = Figures(requests=0, errors=0, latency=Latency(bounds=(1.0,), counts=(0, 0)))
    return ReleaseMetrics(release_id=identity, total=total, minute=minute, restarts=restarts, memory=memory)


def test_a_row_has_the_figures_of_the_serving_release_and_others_follow() -> None:
    seen = Figures(requests=600, errors=6, latency=Latency(bounds=(0.001, 2.0), counts=(594, 6, 0)))
    measured = Measurement(
        releases=((4, metrics("new", None)), (3, metrics("old", seen, restarts=2, memory=52_000_000)))
    )
    row: dict[str, object] = {"target": "local", "release": 3, "detail": ""}
    first, second = figures.rows(row, measured, "old")
    assert first == {
        "target": "local",
        "release": 3,
        "rate": "10/s",
        "errors": "1.00%",
        "p50": "0.505 ms",
        "p99": "1 ms",
        "restarts": 2,
        "memory": "52 MB",
        "detail": "",
    }
    assert (second["target"], second["release"], second["rate"], second["detail"]) == ("", 4, "", "beside it")


def test_the_rate_of_a_young_release_counts_its_seconds() -> None:
    seen = Figures(requests=60, errors=0, latency=Latency(bounds=(1.0,), counts=(60, 0)))
    young = Measurement(releases=((1, replace(metrics("new", seen), minute_seconds=6.0)),))
    (row,) = figures.rows({"detail": ""}, young, "new")
    assert row["rate"] == "10/s"
    minute = figures.as_json(young)["releases"][0]["last_minute"]
    assert (minute["rate"], minute["seconds"]) == (10.0, 6.0)


def test_without_figures_there_are_no_columns_for_them() -> None:
    (row,) = figures.rows({"target": "aci", "detail": ""}, Measurement(), None)
    assert figures.without_empty([row]) == [{"target": "aci", "detail": ""}]


@pytest.mark.slow
def test_status_shows_the_figures_of_a_service(salary: Shell) -> None:
    salary("deploy", MANIFEST)
    for _ in range(3):
        salary("score", MANIFEST, "-d", '{"data": [[21]]}')
    (row,) = salary("status", MANIFEST, "-t", "local", "--json").json()["deployments"]
    (release,) = row["releases"]
    assert (release["release"], release["errors"], release["restarts"], row["no_figures"]) == (1, 0, 0, None)
    assert release["requests"] == release["last_minute"]["requests"] >= 3
    assert 0 < release["last_minute"]["p50"] <= release["last_minute"]["p99"] < 30
    assert release["memory"] > 1e7
    text = salary("status", MANIFEST, "-t", "local").out
    assert re.search(r"rate +errors +p50 +p99 +restarts +memory", text)
    assert re.search(r"/(s|min) +0 +[\d.]+ ms", text)


@pytest.mark.slow
@pytest.mark.parametrize("tls", ["", ", tls: {cert: service.crt, key: service.key}"])
def test_a_service_that_hangs_has_its_figures(shell: Shell, tmp_path: Path, tls: str) -> None:
    make_pair(shell.folder)
    asked = tmp_path / "asked"
    shell.write("score.py", STUCK)
    shell.write("model.txt", "1")
    shell.write(
        "lading.yaml",
        "version: 1\nname: slow\nregister: {model: rate, file: model.txt}\npackage: {scoring_script: score.py}\n"
        f"target: local\ntargets: {{local: {{env: {{ASKED: '{asked}'}}{tls}}}}}\n",
    )
    shell("deploy")
    with shell.start("score", "-d", "1") as command:
        eventually(asked.exists, "the script runs")
        (row,) = shell("status", "--json").json()["deployments"]
        (release,) = row["releases"]
        assert (row["state"], release["requests"], row["no_figures"]) == ("running", 0, None)
        asked.unlink()
        command.communicate()
