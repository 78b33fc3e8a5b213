"""When an answer is the one that a golden request expects, and how a difference is told."""

from __future__ import annotations

import pytest

from lading.engine.release.golden import decoded, difference
from lading.model import Json

SAME: list[tuple[Json, Json, float]] = [
    (7.000006, 7, 1e-6),
    (7, 7.0, 0.0),
    (0.0, 0, 1e-6),
    (8.0, 7, 0.2),
    ({"a": [1, None, "x", True], "b": {}}, {"b": {}, "a": [1.0, None, "x", True]}, 1e-6),
    ([], [], 1e-6),
]
DIFFERENT: list[tuple[Json, Json, float, str]] = [
    (7.00002, 7, 1e-6, "response is 7.00002, expected 7 (off by 2.9e-06 of it)"),
    (7.000001, 7, 0.0, "response is 7.000001, expected 7 (off by 1.4e-07 of it)"),
    (1e-9, 0, 1e-6, "response is 1e-09, expected 0"),
    (True, 1, 1e-6, "response is true, expected 1"),
    ("7", 7, 1e-6, 'response is "7", expected 7'),
    (None, 0, 1e-6, "response is null, expected 0"),
    ([1, [2, 3]], [1, [2, 6]], 1e-6, "response[1][1] is 3, expected 6 (off by 0.5 of it)"),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, 1e-6, "response.a.b is 1, expected 2 (off by 0.5 of it)"),
    ([1, 2], [1], 1e-6, "response is [1, 2], expected [1]"),
    ({"a": 1}, {"b": 1}, 1e-6, 'response is {"a": 1}, expected {"b": 1}'),
    ("x" * 300, "y", 1e-6, f'response is "{"x" * 199}…, expected "y"'),
]


@pytest.mark.parametrize(("actual", "expected", "tolerance"), SAME)
def test_what_is_the_same(actual: Json, expected: Json, tolerance: float) -> None:
    assert difference(actual, expected, tolerance) is None


@pytest.mark.parametrize(("actual", "expected", "tolerance", "words"), DIFFERENT)
def test_what_differs_is_told_with_its_place_and_by_how_much(
    actual: Json, expected: Json, tolerance: float, words: str
) -> None:
    assert difference(actual, expected, tolerance) == words


def test_an_answer_in_a_string_is_decoded_unless_text_is_expected() -> None:
    assert decoded("[7]", [7]) == [7]
    assert decoded("[7]", "[7]") == "[7]"
    assert decoded("seven", 7) == "seven"
