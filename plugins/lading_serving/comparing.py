"""Compare the answers of two releases to the same request."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from .messages import Response

_TOLERANCE = 1e-6  # relative, like that of a golden request
_LEAST = 1e-9  # an absolute difference up to which two numbers are equal: a sum of floats misses zero by less
_OTHER = 1.0  # the difference of two values that are not both numbers, and of two parts with different forms
_MOST = 2.0
_ERRORS = 400  # this status and higher ones: the body is a message for people

Pair = tuple[Any, Any]
"""A part of the old answer, and the same part of the new one."""


class Output(NamedTuple):
    """The relative differences of one output: the number of its values, their sum, and the largest.

    Two different values that are not both numbers differ by 1, and so do two parts with other names or lengths.
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

EQUAL = Difference(True, ())
"""Two answers that are equal, and have no values to compare."""


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
    """Compare status and body. Numbers count as equal within a relative tolerance of 1e-6.

    Two answers with the same error status are equal: a client's wrong request has them, and their texts can differ.
    """
    if old.status != new.status:
        return DIFFERENT
    if old.status >= _ERRORS:
        return EQUAL
    try:
        pair = _decoded(old.body), _decoded(new.body)
        outputs = [_summed(chain.from_iterable(_values(*part) for part in output)) for output in _outputs(*pair)]
        largest = max(_values(*pair), default=0.0)
    except (ValueError, RecursionError):  # not JSON, or nested deeply
        return EQUAL if old.body == new.body else DIFFERENT
    if largest > max((output.largest for output in outputs), default=0.0):  # beside the outputs, such as a name
        outputs.append(Output(1, largest, largest))
    return Difference(largest <= _TOLERANCE, tuple(outputs))


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


def _decoded(body: bytes) -> Any:
    """The JSON of an answer. A script can also answer with JSON in a string."""
    answer = json.loads(body)
    if isinstance(answer, str):
        try:
            return json.loads(answer)
        except ValueError:
            return answer
    return answer


def _outputs(old: Any, new: Any) -> list[Iterable[Pair]]:
    """The parts of each output: the columns of a list of rows, or the outputs of the Open Inference Protocol.

    Rows of different lengths are one output. As a table, they could have many more cells than the answer has values.
    """
    parts = _parts(old, new)
    if parts is None:
        return [[(old, new)]]
    if isinstance(old, list):
        rows = [_cells(*row) for row in parts]
        return [parts] if len(set(map(len, rows))) > 1 else list(zip(*rows, strict=True))
    if isinstance(old, dict) and "outputs" in old:
        named = _parts(old["outputs"], new["outputs"])
        if named and all(isinstance(each, dict) for pair in named for each in pair):
            return [[(ours.get("data"), theirs.get("data"))] for ours, theirs in named]
    return [[part] for part in parts]


def _cells(old: Any, new: Any) -> list[Pair]:
    """The cells of a row. A value, and a row with another form, is one cell."""
    parts = _parts(old, new)
    return [(old, new)] if parts is None else parts


def _parts(old: Any, new: Any) -> list[Pair] | None:
    """The parts of two mappings with the same names, or of two lists of the same length. None for all others."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return [(old[name], new[name]) for name in sorted(old)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return list(zip(old, new, strict=True))
    return None


def _values(old: Any, new: Any) -> Iterator[float]:
    """The difference of each value, and of each part with another form."""
    parts = _parts(old, new)
    if parts is None:
        yield _apart(old, new)
        return
    for part in parts:
        yield from _values(*part)


def _apart(old: Any, new: Any) -> float:
    if type(old) in {int, float} and type(new) in {int, float}:
        return relative(old, new)
    return 0.0 if type(old) is type(new) and old == new else _OTHER


def _summed(values: Iterable[float]) -> Output:
    found = list(values)
    return Output(len(found), math.fsum(found), max(found, default=0.0))
