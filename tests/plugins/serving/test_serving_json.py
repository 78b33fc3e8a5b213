"""The JSON of answers is that of Python's encoder, however fast it was written."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lading_serving import json_text as written
from lading_serving.json_text import json_text

NUMBERS = st.floats() | st.integers() | st.sampled_from([1e16, 9999999999999998.0, 1e-4, 1e-5, 9.99e-5, -0.0, 5e-324])
ITEMS = NUMBERS | st.booleans() | st.none() | st.text(max_size=3)


def longer(items: list[Any]) -> list[Any]:
    return items * (40 // len(items) + 1)


@given(st.lists(NUMBERS, min_size=1).map(longer))
def test_a_list_of_numbers_is_written_as_python_writes_it(numbers: list[float]) -> None:
    assert json_text(numbers) == json.dumps(numbers).encode()


@given(st.lists(st.lists(ITEMS, max_size=3) | ITEMS, min_size=1).map(longer))
def test_a_list_of_anything_is_written_as_python_writes_it(items: list[Any]) -> None:
    assert json_text(items) == json.dumps(items).encode()


@pytest.mark.parametrize("answer", [[0.1 + n / 7 for n in range(1000)], [[n / 3, 1 - n / 3] for n in range(1000)]])
def test_answers_to_many_rows_are_written_by_the_fast_encoder(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = json.dumps(answer).encode()
    monkeypatch.setattr(json, "dumps", lambda _: pytest.fail("Python's encoder was called"))
    assert json_text(answer) == expected


def test_an_environment_without_orjson_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [n / 7 for n in range(1000)]
    fast = json_text(answer)
    monkeypatch.setattr(written, "_write_numbers", None)
    assert json_text(answer) == fast


def test_numbers_that_json_lacks_are_written_as_python_writes_them() -> None:
    assert json_text([math.nan, math.inf] * 20).count(b"NaN, Infinity") == 20


def test_an_answer_that_is_no_json_is_refused_with_the_error_of_python() -> None:
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        json_text([{1}] * 40)
