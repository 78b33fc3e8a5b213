"""Compare the answers of two releases to the same request."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from .messages import Response

_TOLERANCE = 1e-6  # relative, like that of a golden request
_LEAST = 1e-9  # an absolute difference up to which two numbers are equal: a sum of floats misses zero by less
_OTHER = 1.0  # the difference of two values that are not both numbers
_MOST = 2.0
_MISSING = object()


class Output(NamedTuple):
    """The relative differences of one output: the number of its values, their sum, and the largest.

    Two different values that are not both numbers differ by 1.
    """

    values: int = 0
    total: float = 0.0
    largest: float = 0.0


class Difference(NamedTuple):
    """How two answers differ. `outputs` has the outputs by their place in the answer."""

    is_equal: bool
    outputs: tuple[Output, ...]


DIFFERENT = Difference(False, (Output(1, _OTHER, _OTHER),))
"""Two answers with different statuses or forms."""


class Compared(NamedTuple):
    """Sums over many requests: how many were answered equally, the seconds of both sides, and each output."""

    requests: int
    equal: int
    old_seconds: float
    new_seconds: float
    outputs: tuple[Output, ...]

    @property
    def largest(self) -> float:
        return max((output.largest for output in self.outputs), default=0.0)

    @property
    def mean(self) -> float:
        count = sum(output.values for output in self.outputs)
        return math.fsum(output.total for output in self.outputs) / count if count else 0.0


def difference(old: Response, new: Response) -> Difference:
    """Compare status and body. Numbers count as equal within a relative tolerance of 1e-6."""
    if old.status != new.status:
        return DIFFERENT
    try:
        answers = json.loads(old.body), json.loads(new.body)
        pairs = list(_pairs(*map(_outputs, answers)))
        found = Difference(_are_equal(*answers), tuple(map(_summed, pairs)))
    except (ValueError, RecursionError):  # not JSON, or nested deeply
        return Difference(True, ()) if old.body == new.body else DIFFERENT
    has_other_form = not found.is_equal and all(output.largest <= _TOLERANCE for output in found.outputs)
    return DIFFERENT if has_other_form else found


def relative(old: float, new: float) -> float:
    """The difference relative to the larger value: from 0, if both are equal, to 2, for opposite numbers.

    Numbers that differ by 1e-9 at most are equal. One that is not finite, or an integer beyond all floats, differs by 2
    from any other.
    """
    if old == new:
        return 0.0
    try:
        distance, largest = abs(float(old) - float(new)), max(abs(float(old)), abs(float(new)))
    except OverflowError:
        return _MOST
    if math.isfinite(distance):
        return 0.0 if distance <= _LEAST else distance / largest
    return 0.0 if math.isnan(old) and math.isnan(new) else _MOST


def _outputs(answer: Any) -> list[Iterable[Any]]:
    """The values of each output: the columns of a list of rows, or the outputs of the Open Inference Protocol.

    Rows of different lengths are one output. As a table, they could have many more cells than the answer has values.
    """
    if isinstance(answer, list):
        rows = list(map(_row, answer))
        if len(set(map(len, rows))) > 1:
            return [_flat(answer)]
        return [_flat(column) for column in zip(*rows, strict=True)]
    if isinstance(answer, dict):
        named = answer.get("outputs")
        if isinstance(named, list) and all(isinstance(each, dict) for each in named):
            return [_flat(each.get("data")) for each in named]
    return [_flat(value) for value in _row(answer)]


def _row(row: Any) -> list[Any]:
    if isinstance(row, dict):
        return [value for _, value in sorted(row.items())]
    return row if isinstance(row, list) else [row]


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, dict):
        for name, item in sorted(value.items()):
            yield name
            yield from _flat(item)
    else:
        yield value


def _pairs(old: list[Iterable[Any]], new: list[Iterable[Any]]) -> Iterator[list[tuple[Any, Any]]]:
    for ours, theirs in zip_longest(old, new, fillvalue=()):
        yield list(zip_longest(ours, theirs, fillvalue=_MISSING))


def _are_equal(old: Any, new: Any) -> bool:
    """Whether two answers have the same structure, names and values."""
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_are_equal, old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_are_equal(value, new[name]) for name, value in old.items())
    if _are_numbers((old, new)):
        return relative(old, new) <= _TOLERANCE
    return type(old) is type(new) and old == new


def _are_numbers(pair: tuple[Any, Any]) -> bool:
    return all(type(value) in {int, float} for value in pair)


def _summed(pairs: list[tuple[Any, Any]]) -> Output:
    found = [_apart(*pair) for pair in pairs]
    return Output(len(found), math.fsum(found), max(found, default=0.0))


def _apart(old: Any, new: Any) -> float:
    if _are_numbers((old, new)):
        return relative(old, new)
    return 0.0 if type(old) is type(new) and old == new else _OTHER
