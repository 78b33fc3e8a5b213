"""Compare the answers of two releases to the same request."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from .messages import Response

_TOLERANCE = 1e-6  # relative, like that of a golden request
_MISSING = object()


class Output(NamedTuple):
    """The relative differences of one numeric output: the number of its values, their sum, and the largest."""

    values: int = 0
    total: float = 0.0
    largest: float = 0.0


class Difference(NamedTuple):
    """How two answers differ. `outputs` has the numeric outputs by their place in the answer."""

    is_equal: bool
    outputs: tuple[Output, ...]


class Compared(NamedTuple):
    """Sums over many requests: how many were answered equally, the seconds of both sides, and each numeric output."""

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
        return Difference(False, ())
    try:
        answers = json.loads(old.body), json.loads(new.body)
        pairs = list(_pairs(*map(_outputs, answers)))
        return Difference(_are_equal(*answers), tuple(map(_summed, pairs)))
    except (ValueError, RecursionError, OverflowError):  # not JSON, nested deeply, or an integer beyond all floats
        return Difference(old.body == new.body, ())


def relative(old: float, new: float) -> float:
    """The difference relative to the larger value: from 0, if both are equal, to 2, for opposite numbers."""
    if old == new or (math.isnan(old) and math.isnan(new)):
        return 0.0
    found = abs(old - new) / max(abs(old), abs(new))
    return found if math.isfinite(found) else 2.0


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
    found = [relative(*pair) for pair in pairs if _are_numbers(pair)]
    return Output(len(found), math.fsum(found), max(found, default=0.0))
