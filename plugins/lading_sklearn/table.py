"""Read the columns that a training requests, from files or a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import lading
from lading import BadInput, Json

from . import csv_file, json_lines, parquet, query
from .cells import Cells, Reading
from .part import Part

if TYPE_CHECKING:
    from .part import Values

_FORMATS = {
    ".parquet": parquet,
    ".pq": parquet,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_lines,
}


@dataclass(frozen=True)
class Table:
    """Rows of one or more parts, one after another.

    If the data names test rows, the first `fitted` rows are those to fit. Otherwise it is None.
    """

    parts: Sequence[Part]
    fitted: int | None = None

    def cells(self, name: str) -> Cells:
        """A column of all parts."""
        return Cells(name, self._values(name), self._place, self.parts[0].is_text)

    def _values(self, name: str) -> Values:
        columns = [part.columns[name] for part in self.parts]
        if len(columns) == 1:
            return columns[0]
        if not any(isinstance(column, list) for column in columns):
            import numpy as np

            return np.concatenate(columns)
        return [value for column in columns for value in (column if isinstance(column, list) else column.tolist())]

    def _place(self, row: int) -> str:
        for part in self.parts:
            if row < part.rows:
                return part.place(row)
            row -= part.rows
        raise IndexError(row)


def read_table(data: Json, names: Sequence[str], reading: Reading, base: Path = Path()) -> Table:
    """Read the columns `names` of the data of a manifest: a file, a pattern, train and test files, or a query.

    Raises BadInput for data that is not a table with these columns. See `cells.typed` for the values of a column.
    """
    if isinstance(data, Mapping) and "sql" in data:
        return Table(_enough("the query", [query.read(data, names, base)]))
    if not isinstance(data, Mapping):
        return Table(_read_files(data, names, reading))
    fit = _read_files(data["train"], names, reading)
    test = _read_files(data["test"], names, reading, least=1)
    return Table(_alike([*fit, *test], data["test"]), fitted=sum(part.rows for part in fit))


def read_header(file: Path, reading: Reading) -> list[str]:
    """The names of the columns of a file, or of the first one that a pattern matches."""
    first = _files(file)[0]
    names: list[str] = _format(first).header(first, reading)
    return names


def _read_files(data: str, names: Sequence[str], reading: Reading, least: int = 2) -> list[Part]:
    parts = [_format(file).read(file, names, reading) for file in _files(Path(data))]
    return _enough(data, _alike(parts, data), least)


def _files(path: Path) -> list[Path]:
    files = lading.matching_files(path)
    if not files:
        raise BadInput(f"no file matches {path}", option="data")
    return files


def _format(file: Path) -> ModuleType:
    """The module that reads a file with this name."""
    name = file.with_suffix("") if file.suffix == ".gz" else file
    return _FORMATS.get(name.suffix.lower(), csv_file)


def _alike(parts: list[Part], data: str) -> list[Part]:
    if len({part.is_text for part in parts}) > 1:
        raise BadInput(f"{data}: CSV files and others cannot be one table", hint="use one format for all files")
    return parts


def _enough(what: str, parts: list[Part], least: int = 2) -> list[Part]:
    rows = sum(part.rows for part in parts)
    if rows < least:
        raise BadInput(f"{what}: too few rows: {rows}", hint=f"at least {least} are needed")
    return parts
