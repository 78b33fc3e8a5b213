"""`lading report`: one page about the store. It needs no other file and hides what was recorded from training data."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from tests.conftest import Shell

import lading

MANIFEST = """\
version: 1
name: price
train:
  estimator: sklearn.linear_model.LinearRegression
  data: rooms.csv
  features: [rooms]
  label: price
  test_size: 0.25
  random_state: 1
evaluate: {require: {r2: ">= 0.9"}}
register: {model: price}
package: {samples: SAMPLES}
targets: {local: {workers: 1}}
"""
WRITTEN = MANIFEST.replace("SAMPLES", "[{request: {data: [[987654321]]}, response: [1975308642.0]}]")
RECORDED = MANIFEST.replace("SAMPLES", "{record: 2}")
ROWS = "rooms,price\n" + "".join(f"{10_001 + 7 * row},{20_002 + 14 * row}\n" for row in range(20))


class Page(HTMLParser):
    """The text of a page, and the addresses that a browser would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.fixture
def rooms(shell: Shell) -> Shell:
    shell.write("rooms.csv", ROWS)
    shell.write("lading.yaml", WRITTEN)
    return shell


def report(shell: Shell) -> Page:
    assert shell("report", "-o", "r.html").out == "r.html\n"
    return Page((shell.folder / "r.html").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_report_has_runs_models_releases_and_packages(rooms: Shell) -> None:
    rooms("deploy")
    page = report(rooms)
    (run,) = lading.list_runs(rooms.folder / "lading.yaml")
    (past,) = lading.history(rooms.folder / "lading.yaml")
    for part in (run.id, "r2", "price:1", past.release.package_digest[:12], "scikit-learn", "score.py", "987654321"):
        assert part in page.text
    assert page.loaded
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.loaded)
    assert "script" not in page.tags


@pytest.mark.slow
def test_recorded_golden_requests_are_counted_and_not_shown(rooms: Shell) -> None:
    rooms.write("lading.yaml", RECORDED)
    rooms("deploy")
    page = report(rooms)
    assert "2, of which 2 recorded" in page.text
    assert not {cell for cell in re.findall(r"\d+", ROWS) if cell in page.text}


def test_a_report_of_an_empty_store_says_so(rooms: Shell) -> None:
    assert report(rooms).text.count("none") == 4
    assert Page(rooms("report").out).text == report(rooms).text


@pytest.mark.slow
def test_names_and_errors_are_text_and_not_html(rooms: Shell) -> None:
    rooms.write("train.py", "def train(data, log):\n    raise SystemExit('<script>alert(1)</script>')\n")
    rooms.write(
        "lading.yaml", "version: 1\nname: price\ntrain: {script: train.py, data: rooms.csv}\ntargets: {local: {}}\n"
    )
    rooms("train", code=6)
    page = report(rooms)
    assert "<script>alert(1)" in page.text
    assert "script" not in page.tags


def test_a_file_that_cannot_be_written_is_5(rooms: Shell) -> None:
    done = rooms("report", "-o", "missing/r.html", code=5)
    assert "cannot write missing/r.html: No such file or directory" in done.err


@pytest.mark.slow
def test_a_notebook_shows_the_history_as_one_table(rooms: Shell) -> None:
    rooms("deploy")
    shown = Page(lading.history(rooms.folder / "lading.yaml")._repr_html_())
    assert "price" in shown.text
    assert shown.tags >= {"table", "th", "td"}
    assert lading.History()._repr_html_() == "<p>no releases</p>"
