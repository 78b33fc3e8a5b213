"""Read common CSV files into the columns that a training requests."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, Transient

if TYPE_CHECKING:
    import numpy as np

_INT64 = 2**63
_MOST_DIGITS = 20  # digits of an int64, including its sign
_MISSING = ("", "nan")


@dataclass(frozen=True)
class Text:
    """The cells of a column as text, and the line of the file on which each row starts."""

    file: Path
    name: str
    cells: Sequence[str]
    lines: Sequence[int]

    def wrong(self, row: int, what: str) -> BadInput:
        message = f"{self.file}:{self.lines[row]}: column {self.name}: {what}"
        return BadInput(message, hint="correct the cell, or prepare the data in a training script")


def read_columns(file: Path, names: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Read the columns `names` of a CSV file: int64 or float64 arrays, and object arrays of str for text.

    Raises BadInput, at `file:line`, for a file without one header and complete rows. Also for a column that is missing,
    doubled, partly text or not finite.
    """
    return {text.name: _array(text) for text in _read_text(file, names)}


def read_header(file: Path) -> list[str]:
    """The names of the columns of a CSV file."""
    _line, header = next(_rows(file), (1, []))
    return [cell.strip() for cell in header]


def _read_text(file: Path, names: Sequence[str]) -> list[Text]:
    rows = _rows(file)
    line, header = next(rows, (1, []))
    if not header:
        raise BadInput(f"{file}:1: the file is empty", hint="the first line names the columns")
    places = [_place(f"{file}:{line}", header, name) for name in names]
    lines: list[int] = []
    cells: list[list[str]] = [[] for _name in names]
    for line, row in rows:
        if len(row) != len(header):
            raise BadInput(f"{file}:{line}: {len(row)} cells, but the header has {len(header)}")
        lines.append(line)
        for column, place in zip(cells, places, strict=True):
            column.append(row[place].strip())
    if len(lines) < 2:
        raise BadInput(f"{file}: too few rows: {len(lines)}", hint="a training needs at least 2")
    return [Text(file, name, column, lines) for name, column in zip(names, cells, strict=True)]


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file, each with the line on which it starts. Blank lines are skipped."""
    reader = csv.reader(io.StringIO(_decoded(file), newline=""), strict=True)
    end = 0
    try:
        for row in reader:
            start, end = end + 1, reader.line_num
            if row:
                yield start, row
    except csv.Error as error:
        raise BadInput(f"{file}:{end + 1}: {error}") from None


def _decoded(file: Path) -> str:
    try:
        content = file.read_bytes()
    except IsADirectoryError:
        raise BadInput(f"{file} is a folder", hint="name the CSV file in it") from None
    except OSError as error:
        raise Transient(f"cannot read {file}: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(content[: error.start + 1].splitlines())
        raise BadInput(f"{file}:{line}: not UTF-8", hint="save the file as CSV UTF-8") from None


def _place(where: str, header: Sequence[str], name: str) -> int:
    found = [place for place, cell in enumerate(header) if cell.strip() == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{where}: the column {name} exists {len(found)} times", hint="rename all but one")
    known = [cell.strip() for cell in header]
    close = get_close_matches(name, known, n=1)
    guess = f"did you mean {close[0]}?" if close else f"the file has {', '.join(known)}"
    raise BadInput(f"{where}: no column {name}", hint=guess)


def _array(text: Text) -> np.ndarray[Any, Any]:
    import numpy as np

    for row, cell in enumerate(text.cells):
        if cell.lower() in _MISSING:
            raise text.wrong(row, "a missing value")
    numbers = [_number(cell) for cell in text.cells]
    if not any(number is not None and math.isfinite(number) for number in numbers):
        return np.array(text.cells, dtype=object)
    for row, number in enumerate(numbers):
        if number is None or not math.isfinite(number):
            shown = f"{text.cells[row][:40]!r}"
            raise text.wrong(row, f"{shown} is not a number" if number is None else f"{shown} is not finite")
    whole = all(isinstance(number, int) and -_INT64 <= number < _INT64 for number in numbers)
    return np.array(numbers, dtype="int64" if whole else "float64")


def _number(cell: str) -> int | float | None:
    if "_" in cell:  # only Python reads 1_000 as a number
        return None
    whole = len(cell) <= _MOST_DIGITS and cell.lstrip("+-").isdecimal()
    try:
        return int(cell) if whole else float(cell)
    except ValueError:
        return None
