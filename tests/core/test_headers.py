"""The header Retry-After: any text from a service gives a wait that fits a timer, or none."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import ROOT

import lading

YEAR = 365 * 24 * 3600.0
NEAR = 30.0  # seconds that a slow machine may need between two lines
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.floats(0, YEAR, allow_subnormal=False))
def test_a_number_is_a_number_of_seconds(seconds: float) -> None:
    written = f"{seconds:.9f}"
    assert lading.retry_after(written) == min(float(written), YEAR)
    assert lading.retry_after(f" {written} ") == min(float(written), YEAR)


@given(st.integers(0, int(YEAR)), OFFSETS)
def test_a_date_is_the_seconds_until_then(seconds: int, zone: timezone) -> None:
    found = lading.retry_after(format_datetime(datetime.now(zone) + timedelta(seconds=seconds)))
    assert found is not None
    assert max(0.0, seconds - NEAR) <= found <= seconds


@given(st.integers(0, int(YEAR)), OFFSETS, st.datetimes(datetime(1970, 1, 1), datetime(2090, 1, 1)))
def test_a_date_counts_from_the_date_of_the_same_answer(seconds: int, zone: timezone, date: datetime) -> None:
    sent = date.replace(tzinfo=UTC, microsecond=0)
    until = format_datetime((sent + timedelta(seconds=seconds)).astimezone(zone))
    assert lading.retry_after(until, date=format_datetime(sent)) == seconds
    assert lading.retry_after("7", date=format_datetime(sent)) == 7.0


@given(st.text())
def test_an_unreadable_date_of_an_answer_counts_as_now(text: str) -> None:
    found = lading.retry_after(format_datetime(datetime.now(UTC) + timedelta(hours=1)), date=f"no date {text!r}")
    assert found is not None
    assert 3600 - NEAR <= found <= 3600


@given(st.datetimes(datetime(1000, 1, 1), datetime(2026, 1, 1)), OFFSETS)  # two digits mean this century
def test_a_date_in_the_past_requests_no_wait(date: datetime, zone: timezone) -> None:
    assert lading.retry_after(format_datetime(date.replace(tzinfo=zone))) == 0.0


@given(st.text() | st.floats().map(repr) | st.integers().map(str) | st.from_regex(r"[\dA-Za-z,:+ -]{1,40}"))
def test_any_text_is_a_wait_that_fits_a_timer_or_nothing(text: str) -> None:
    found = lading.retry_after(text)
    assert found is None or 0.0 <= found <= YEAR


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("1 minute", None),
        ("Fri, 32 Jan 2027 00:00:00 GMT", None),
        ("Fri, 01 Jan 2027 00:00:00 +99999999999999999999", None),
        ("-5", None),
        ("-inf", None),
        ("inf", None),
        ("1e300", None),
        ("1e400", None),
        ("1_000", None),
        ("0x10", None),
        ("\u0661\u0662", None),
        ("Fri, \u0663\u0661 Dec 9999 23:59:59 GMT", None),
        ("7.", None),
        ("120", 120.0),
        ("9" * 5000, YEAR),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Sun Nov  6 08:49:37 1994", 0.0),
    ],
)
def test_headers_at_the_edges(value: str | None, seconds: float | None) -> None:
    assert lading.retry_after(value) == seconds


def test_a_date_without_a_zone_is_in_utc() -> None:
    then = datetime.now(UTC) + timedelta(hours=1)
    found = lading.retry_after(then.strftime("%a %b %d %H:%M:%S %Y"))
    assert found is not None
    assert 3600 - NEAR <= found <= 3600


def test_no_plugin_reads_the_header_itself() -> None:
    files = [file for root in ("core", "plugins", "targets") for file in (ROOT / root).rglob("*.py")]
    readers = [
        file.stem
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.alias) and node.name == "parsedate_to_datetime"
    ]
    # The second compares the clock of a hub with ours, and the third takes the time of a cluster.
    assert set(readers) == {"headers", "failing", "rest"}
