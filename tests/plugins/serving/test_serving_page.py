"""The page to try a model: for browsers alone, with the facts of its release, and nothing from elsewhere."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser import Browser, Tab, browser
from tests.conftest import Shell
from tests.missing import skip_without
from tests.waiting import eventually

from lading_serving.messages import Request
from lading_serving.page import Page, facts, wants_page

MANIFEST = """\
version: 1
name: rooms
train:
  estimator: sklearn.linear_model.LinearRegression
  data: rooms.csv
  features: [rooms, age]
  label: price
register: {model: price}
targets: {local: {OPTIONS}}
"""
ROWS = "rooms,age,price\n" + "".join(f"{n % 5},{n % 7},{100 * (n % 5) + n % 7}\n" for n in range(70))
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [(BROWSER, True), ("TEXT/HTML;q=0.5", True), ("text/html; q=0, */*", False), ("*/*", False), ("", False)],
)
def test_only_a_client_that_names_html_gets_the_page(accept: str, wanted: bool) -> None:
    assert wants_page(Request("GET", "/", "", {"accept": accept} if accept else {}, b"")) is wanted


def test_a_value_cannot_end_the_script_of_the_page() -> None:
    hostile = "</script><script>alert(1)</script>"
    columns = [{"name": hostile, "kind": "category", "nullable": False, "categories": [hostile]}]
    page = Page(facts(hostile, 1, hostile, {hostile: 1.0}), {"columns": columns, "example": {hostile: hostile}})
    text = page.response().body.decode()
    assert "alert(1)" in text
    assert hostile not in text
    assert text.count("</script>") == 2


def test_a_page_of_a_model_without_columns_has_the_whole_body() -> None:
    text = Page(facts("svc", 1, "m 1", {}), {}).response().body.decode()
    content = text.partition('type="application/json">')[2].partition("</script>")[0]
    assert json.loads(content) == {
        "service": "svc",
        "facts": {"release": "1", "model": "m 1"},
        "columns": [],
        "body": {"data": []},
    }


def test_the_metrics_of_the_run_come_before_its_coefficients() -> None:
    coefficients = {f"coef_{number}": 0.5 for number in range(9)}
    metrics = {
        **coefficients,
        "intercept": 1.0,
        "rows": 12345,
        "r2": 0.98765,
        "sure": True,
        "matrix": [1],
        "none": None,
    }
    shown = list(json.loads(facts("svc", 1, "m 1", metrics))["facts"].items())
    assert shown[2:5] == [("rows", "12345"), ("r2", "0.9877"), ("coef_0", "0.5")]
    assert len(shown) == 2 + 8


@pytest.fixture
def rooms(shell: Shell) -> Shell:
    shell.write("rooms.csv", ROWS)
    return shell


def address(shell: Shell, options: str = "workers: 1") -> str:
    shell.write("lading.yaml", MANIFEST.replace("OPTIONS", options))
    return shell("deploy").out.strip().removesuffix("score")


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    if not shutil.which("chromium"):
        skip_without("chromium is not installed")
    with browser(tmp_path / "profile") as found:
        yield found


def text_of(tab: Tab, selector: str) -> str:
    return str(tab.run(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''"))


@pytest.mark.slow
def test_a_person_tries_the_model_in_a_browser(rooms: Shell, chromium: Browser) -> None:
    tab = chromium.open(address(rooms))
    eventually(lambda: text_of(tab, "h1") == "rooms", "the page is there")
    assert "price 1" in text_of(tab, "#facts")
    assert "train_r2" in text_of(tab, "#facts")
    assert tab.run("[...document.querySelectorAll('label')].map(each => each.textContent)") == ["rooms", "age"]
    fill = "for (const [place, value] of [[0, 4], [1, 6]]) document.querySelectorAll('input')[place].value = value;"
    tab.run(f"{fill} document.querySelector('form').requestSubmit()")
    eventually(lambda: text_of(tab, "#answer").startswith("["), "the answer")
    assert json.loads(text_of(tab, "#answer")) == [pytest.approx(406)]
    tab.run("document.querySelector('form').dispatchEvent(new Event('input'))")
    assert '{"data":[{"rooms":4,"age":6}]}' in text_of(tab, "#curl")
    assert tab.run("performance.getEntriesByType('resource').every(each => each.name.startsWith(location.origin))")


FIELDS = """(() => {
  const field = place => document.querySelectorAll('#fields input')[place];
  field(0).value = 'rare'; field(1).value = '2024-05-31T10:30'; field(2).value = '2024-06-01';
  document.querySelector('form').dispatchEvent(new Event('input'));
  return [[0, 1, 2].map(place => field(place).type), [...field(0).list.options].map(each => each.value)];
})()"""


@pytest.mark.slow
def test_a_rare_category_and_a_time_can_be_entered(chromium: Browser, tmp_path: Path) -> None:
    kinds = {"city": "category", "at": "date", "day": "date"}
    columns = [{"name": name, "kind": kind, "nullable": False} for name, kind in kinds.items()]
    columns[0]["categories"] = ["Oslo", "Rome"]
    example = {"city": "Oslo", "at": "2000-01-01T00:00", "day": "2000-01-01"}
    page = Page(facts("svc", 1, "m 1", {}), {"columns": columns, "example": example})
    (tmp_path / "page.html").write_bytes(page.response().body)
    tab = chromium.open((tmp_path / "page.html").as_uri())
    eventually(lambda: text_of(tab, "h1") == "svc", "the page is there")
    assert tab.run(FIELDS) == [["text", "datetime-local", "date"], ["Oslo", "Rome"]]
    assert '{"city":"rare","at":"2024-05-31T10:30","day":"2024-06-01"}' in text_of(tab, "#curl")


@pytest.mark.slow
def test_a_model_that_reads_one_text_has_a_field_for_it(chromium: Browser, tmp_path: Path) -> None:
    page = Page(facts("mails", 1, "m 1", {}), {"example": "text"})
    (tmp_path / "page.html").write_bytes(page.response().body)
    tab = chromium.open((tmp_path / "page.html").as_uri())
    eventually(lambda: text_of(tab, "h1") == "mails", "the page is there")
    assert tab.run("document.querySelector('#fields textarea').value") == "text"
    tab.run("document.querySelector('#fields textarea').value = 'a \"free\" prize'")
    tab.run("document.querySelector('form').dispatchEvent(new Event('input'))")
    assert r'{"data":["a \"free\" prize"]}' in text_of(tab, "#curl")


@pytest.mark.slow
def test_a_refusal_is_shown_with_its_status(rooms: Shell, chromium: Browser) -> None:
    tab = chromium.open(address(rooms))
    eventually(lambda: text_of(tab, "h1") == "rooms", "the page is there")
    tab.run("document.querySelector('input').type = 'text'; document.querySelector('input').value = 'many'")
    tab.run("document.querySelector('form').noValidate = true; document.querySelector('form').requestSubmit()")
    eventually(lambda: text_of(tab, "#answer").startswith("400:"), "the refusal")
    assert "rooms" in text_of(tab, "#answer")


@pytest.mark.slow
def test_probes_get_the_health_check_and_an_option_turns_the_page_off(rooms: Shell) -> None:
    uri = address(rooms)
    ask = urllib.request.Request(uri, headers={"accept": BROWSER})
    with urllib.request.urlopen(uri) as answer:
        assert answer.read() == b"Healthy"
    with urllib.request.urlopen(ask) as answer:
        assert b"<form" in answer.read()
        assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert address(rooms, "workers: 1, page: false") == uri
    with urllib.request.urlopen(ask) as answer:
        assert answer.read() == b"Healthy"


@pytest.mark.slow
def test_openapi_describes_the_types_with_an_example(rooms: Shell) -> None:
    with urllib.request.urlopen(f"{address(rooms)}openapi.json") as answer:
        document = json.load(answer)
    assert document["openapi"] == "3.1.0"
    assert "rooms" in json.dumps(document["components"]["schemas"]["ServiceInput"])
