"""Read JSON lines: one object on each line, which gives the columns by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lading import BadInput, Json

from .cells import Reading
from .csv_file import decoded
from .part import Part, column_places


def read(file: Path, names: Sequence[str], reading: Reading) -> Part:
    """Read the columns `names`. A row without a name has a missing value there.

    Raises BadInput, at `file:line`, for a line that is not an object, and for a column that no row has.
    """
    rows = list(_rows(file, reading))
    column_places(str(file), _names(rows), names)
    columns: dict[str, list[Any]] = {name: [row.get(name) for _line, row in rows] for name in names}
    return Part(columns, len(rows), lambda row: f"{file}:{rows[row][0]}")


def header(file: Path, reading: Reading) -> list[str]:
    """The names of the columns of a file."""
    return _names(list(_rows(file, reading)))


def _names(rows: Sequence[tuple[int, dict[str, Json]]]) -> list[str]:
    return list(dict.fromkeys(name for _line, row in rows for name in row))


def _rows(file: Path, reading: Reading) -> Iterator[tuple[int, dict[str, Json]]]:
    for number, line in enumerate(decoded(file, reading).split("\n"), start=1):
        if line.strip():
            yield number, _object(f"{file}:{number}", line)


def _object(where: str, line: str) -> dict[str, Json]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON: {error}", hint="each line is one JSON object") from None
    if not isinstance(row, dict):
        raise BadInput(f"{where}: not a JSON object", hint='write one object on each line, such as {"x": 1, "y": 2}')
    return row
