"""Times on the command line: seconds, with or without a unit."""

from __future__ import annotations

import click
import pytest

from lading.cli.options import Seconds

TIMES = {"90": 90, "90s": 90, "1.5m": 90, "2h": 7200, "7d": 604800, "0": 0}


@pytest.mark.parametrize("text", TIMES)
def test_a_time_has_a_unit_or_is_in_seconds(text: str) -> None:
    assert Seconds().convert(text, None, None) == TIMES[text]


@pytest.mark.parametrize("text", ["yesterday", "", "m", "1x", "500ms", "nan", "inf", "-infd", "1e999h"])
def test_another_text_is_refused_with_the_forms_that_are_known(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not a number of seconds, nor a time such as 90s, 10m, 2h or 7d"):
        Seconds().convert(text, None, None)


def test_a_time_of_more_than_a_century_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="is longer than a century"):
        Seconds().convert("999999999d", None, None)


def test_the_smallest_time_holds_with_a_unit() -> None:
    with pytest.raises(click.BadParameter, match=r"is not in the range x>0"):
        Seconds(min=0, min_open=True).convert("0m", None, None)
