"""Read CSV files into the texts of their cells."""

from __future__ import annotations

import csv
import io
import json
from codecs import lookup
from collections.abc import Iterator, Sequence
from pathlib import Path

from lading import BadInput

from .cells import Reading
from .part import Part, column_places, content_of

_LONGEST_CELL = 2**31 - 1  # characters; Python's own limit is 131072


def read(file: Path, names: Sequence[str], reading: Reading) -> Part:
    """Read the columns `names` of a CSV file.

    Raises BadInput, at `file:line`, for a file without one header and complete rows, and for a column that is missing
    or doubled.
    """
    rows = _rows(file, reading)
    line, header = next(rows, (1, []))
    if not header:
        raise BadInput(f"{file}:1: the file is empty", hint="the first line names the columns")
    known = [cell.strip() for cell in header]
    places = column_places(f"{file}:{line}", known, names, _delimiter_hint(known))
    lines: list[int] = []
    cells: list[list[str]] = [[] for _name in names]
    for line, row in rows:
        if len(row) != len(header):
            raise BadInput(f"{file}:{line}: {len(row)} cells, but the header has {len(header)}")
        lines.append(line)
        for column, place in zip(cells, places, strict=True):
            column.append(row[place].strip())
    return Part(dict(zip(names, cells, strict=True)), len(lines), lambda row: f"{file}:{lines[row]}", is_text=True)


def header(file: Path, reading: Reading) -> list[str]:
    """The names of the columns of a CSV file."""
    _line, names = next(_rows(file, reading), (1, []))
    return [cell.strip() for cell in names]


def _delimiter_hint(header: Sequence[str]) -> str:
    """The way out if the whole header is one cell with another delimiter."""
    found = [mark for mark in (";", "\t", "|", ",") if len(header) == 1 and mark in header[0]]
    shown = "\\t" if found == ["\t"] else "".join(found[:1])
    return f'the columns are separated by another character: `delimiter: "{shown}"` under train' if found else ""


def _rows(file: Path, reading: Reading) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file, each with the line on which it starts. Blank lines are skipped."""
    csv.field_size_limit(_LONGEST_CELL)
    text = io.StringIO(decoded(file, reading), newline="")
    reader = csv.reader(text, strict=True, delimiter=reading.delimiter or _usual_delimiter(file))
    end = 0
    try:
        for row in reader:
            start, end = end + 1, reader.line_num
            if row:
                yield start, row
    except csv.Error as error:
        raise BadInput(f"{file}:{end + 1}: {error}") from None


def _usual_delimiter(file: Path) -> str:
    return "\t" if ".tsv" in file.suffixes else ","


def decoded(file: Path, reading: Reading) -> str:
    """The text of a file: in the encoding that its first bytes show, else in that of `reading`.

    Raises BadInput, at the line, if it has another one.
    """
    content = content_of(file)
    codec, shown = lookup(reading.encoding).name, json.detect_encoding(content[:4])
    tried = codec if shown == "utf-8" else shown
    try:
        return content.decode(tried)
    except UnicodeError as error:
        line = len(content[: getattr(error, "start", 0) + 1].decode(tried, "replace").encode().splitlines())
        hint = "save the file as CSV UTF-8"
        if shown == "utf-8":
            hint += ", or name its encoding, such as `encoding: cp1252`, under train"
        name = tried.removesuffix("-sig").upper() if tried.startswith("utf") else reading.encoding
        raise BadInput(f"{file}:{line}: not {name}", hint=hint) from None
