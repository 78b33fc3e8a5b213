"""Give a column of cells its type: numbers, booleans or text. A cell that the model cannot take is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lading import MISSING_WORDS, BadInput, Json, NamedWords, number_of

from .forms import form_of
from .intake import Takes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_INT64 = 2**63
_BOOLEANS = {"true": True, "false": False}
FILL = (
    "fill it with a step of sklearn.impute.SimpleImputer, choose an estimator that takes missing values, or correct "
    "the cell"
)
_CORRECT = "correct the cell, or prepare the data in a training script"


@dataclass(frozen=True)
class Reading:
    """How the cells of a table are read: the options of the manifest with these names."""

    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    missing: Sequence[str] = ()
    dates: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Mapping[str, Json]) -> Reading:
        """The reading that a training or an evaluation describes."""
        return cls(**{name: spec[name] for name in cls.__dataclass_fields__ if spec.get(name) is not None})

    @cached_property
    def named(self) -> NamedWords:
        """The words for a missing value that the manifest names."""
        return NamedWords(self.missing, self.decimal, self.thousands)

    def forms(self) -> dict[str, Any]:
        """The fields of a schema that say how files of rows are written. The usual marks are left out."""
        usual, marks = Reading(), ("delimiter", "decimal", "thousands", "encoding")
        changed = {name: getattr(self, name) for name in marks if getattr(self, name) != getattr(usual, name)}
        return {"missing": self.named.words, **changed}


@dataclass(frozen=True)
class Cells:
    """A column as it was read. `place` gives the place of a row, such as `a.csv:12`.

    `is_text` means that each value is the text of a cell. Otherwise the values have types, and None is a missing value.
    A numeric array has numbers or booleans.
    """

    name: str
    values: list[Any] | Array
    place: Callable[[int], str]
    is_text: bool = True

    def wrong(self, row: int, what: str, hint: str = _CORRECT) -> BadInput:
        return BadInput(f"{self.place(row)}: column {self.name}: {what}", hint=hint)


def typed(cells: Cells, takes: Takes, reading: Reading) -> Array:
    """The column as an array of int64, float64 or bool, or as an object array of str. A missing value is NaN.

    Raises BadInput, at the cell, for a value that the model does not take.
    """
    if not isinstance(cells.values, list) and not takes.documents:
        return _checked(cells, takes, reading)
    values, missing = cells.values, missing_in(cells, reading, takes.no_missing)
    if takes.documents:
        return _texts(["" if gone else str(value) for value, gone in zip(values, missing, strict=True)], missing)
    parse = _parser(reading) if cells.is_text else _scalar
    parsed = [None if gone else parse(value) for value, gone in zip(values, missing, strict=True)]
    kinds = {type(value) for value, gone in zip(parsed, missing, strict=True) if not gone}
    if bool in kinds and kinds != {bool}:
        parsed = [str(value) if isinstance(read, bool) else read for value, read in zip(values, parsed, strict=True)]
        kinds = kinds - {bool} | {str}
    if kinds <= {int, float} and all(value is None or math.isfinite(value) for value in parsed):
        return _numbers(parsed, missing)
    if kinds == {bool}:
        return _booleans(parsed, missing)
    _refuse_other(cells, parsed, missing, takes, reading)
    return _texts([str(value) for value in values], missing)


def _checked(cells: Cells, takes: Takes, reading: Reading) -> Array:
    """A numeric array with NaN for each missing value."""
    import numpy as np

    array = np.asarray(cells.values)
    if array.dtype.kind == "b":
        return array
    missing = np.isnan(array) | np.isin(array, reading.named.numbers)
    if takes.no_missing and missing.any():
        _refuse_missing(cells, int(missing.argmax()), takes.no_missing)
    infinite = np.isinf(array) & ~missing
    if infinite.any():
        row = int(infinite.argmax())
        raise cells.wrong(row, f"'{array[row]}' is not finite")
    if missing.any():
        return np.where(missing, np.nan, array).astype("float64")
    return array.astype("float64" if array.dtype.kind == "f" or array.max(initial=0) >= _INT64 else "int64")


def missing_in(cells: Cells, reading: Reading, no_missing: str) -> list[bool]:
    """Which values are missing. Raises BadInput, at the first one, if `no_missing` names an estimator."""
    named, is_gone = reading.named, _is_gone_cell if cells.is_text else _is_gone
    missing = [is_gone(value) or value in named for value in cells.values]
    if no_missing and any(missing):
        _refuse_missing(cells, missing.index(True), no_missing)
    return missing


def _is_gone(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_gone_cell(cell: str) -> bool:
    return cell in MISSING_WORDS or cell.lower() == "nan"


def _refuse_missing(cells: Cells, row: int, refuses: str) -> None:
    if refuses == LABEL:
        raise cells.wrong(row, "a missing value, and a label has none", "remove the row or correct the cell")
    hint = "write a text into the cell, or remove the row" if refuses.endswith("Vectorizer") else FILL
    raise cells.wrong(row, f"a missing value, and {refuses} takes none", hint)


LABEL = "the label"
"""The name of what refuses missing values in a label."""


def _parser(reading: Reading) -> Callable[[str], Any]:
    """The function that reads a cell: an int, a float or a bool, or else the text itself."""

    def parse(cell: str) -> Any:
        number = number_of(cell, reading.decimal, reading.thousands)
        return _BOOLEANS.get(cell.lower(), cell) if number is None else number

    return parse


def _scalar(value: Any) -> Any:
    """A value of a typed table as an int, a float, a bool or a str. Anything else is returned unchanged."""
    from decimal import Decimal

    if not isinstance(value, Decimal) and (type(value) is not int or abs(value) < _INT64):
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _numbers(parsed: Sequence[Any], missing: Sequence[bool]) -> Array:
    import numpy as np

    if any(missing):
        return np.array([math.nan if gone else value for value, gone in zip(parsed, missing, strict=True)], "float64")
    whole = all(isinstance(value, int) and -_INT64 <= value < _INT64 for value in parsed)
    return np.array(parsed, dtype="int64" if whole else "float64")


def are_booleans(cells: Cells, column: Array) -> bool:
    """Whether a typed column has booleans. With missing values, it has the numbers 1 and 0 for them."""
    if column.dtype.kind != "f" or not isinstance(cells.values, list):
        return bool(column.dtype.kind == "b")
    first = next((cell for cell, number in zip(cells.values, column.tolist(), strict=True) if number == number), None)  # noqa: PLR0124 - not NaN
    return isinstance(first, bool) or (isinstance(first, str) and first.lower() in _BOOLEANS)


def _booleans(parsed: Sequence[Any], missing: Sequence[bool]) -> Array:
    import numpy as np

    return _numbers(parsed, missing) if any(missing) else np.array(parsed, dtype=bool)


def _texts(values: Sequence[str], missing: Sequence[bool]) -> Array:
    import numpy as np

    return np.array([math.nan if gone else value for value, gone in zip(values, missing, strict=True)], dtype=object)


def _refuse_other(cells: Cells, parsed: Sequence[Any], missing: Sequence[bool], takes: Takes, reading: Reading) -> None:
    """Raise BadInput, at the first wrong cell, for a column that is neither numbers nor text that the model takes."""
    present = [row for row, gone in enumerate(missing) if not gone]
    for row in present:
        if not isinstance(parsed[row], int | float | str):
            raise cells.wrong(row, *form_of(parsed[row], cells.name))
    numbers = [row for row in present if isinstance(parsed[row], int | float) and math.isfinite(parsed[row])]
    if takes.encodes or not (numbers or takes.no_text):
        return
    for row in present:
        if isinstance(parsed[row], str) or not math.isfinite(parsed[row]):
            _refuse_cell(cells, row, parsed[row], takes.no_text if not numbers else "", reading)


def _refuse_cell(cells: Cells, row: int, value: Any, refuses: str, reading: Reading) -> None:
    shown = repr(str(cells.values[row])[:40])
    if not isinstance(value, str):
        raise cells.wrong(row, f"{shown} is not finite")
    form, hint = form_of(value, cells.name, reading.decimal, reading.thousands)
    if form:
        raise cells.wrong(row, f"{shown} is not a number: {form}", hint)
    if refuses:
        raise cells.wrong(row, f"{shown} is text, and {refuses} takes numbers", hint)
    raise cells.wrong(row, f"{shown} is not a number")
