"""The header of a CSV file of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

from ..errors import BadInput


def check_header(
    file: Path, header: Sequence[str], columns: Mapping[str, Any] | None, *, used: str, by_place: bool
) -> None:
    """Raise BadInput if a file does not have the `columns` of the model, each once, between the delimiter `used`.

    `columns` are None if no row is sent. If none is known or there, all columns are sent: by name, unless `by_place`.
    """
    if not header:
        raise BadInput(f"{file}:1: the file is empty", hint="the first line names the columns")
    _check_delimiter(file, header, columns or {}, used)
    if columns is None:
        return
    is_known = bool(columns) and columns.keys() <= set(header)
    for name in columns if is_known else () if by_place else header:
        if (times := header.count(name)) > 1:
            raise BadInput(f"{file}:1: the column {name} exists {times} times", hint="rename all but one")


def _check_delimiter(file: Path, header: Sequence[str], columns: Mapping[str, Any], used: str) -> None:
    """Raise BadInput if the header is one cell that has the columns of the model with another delimiter."""
    for mark in (";", "\t", "|", ",") if len(header) == 1 and header[0] not in columns else ():
        names = [name.strip().strip('"') for name in header[0].split(mark)]
        if len(names) > 1 and columns and columns.keys() <= set(names):
            raise BadInput(
                f"{file}:1: the columns are separated by {mark!r}, and those of the training by {used!r}",
                hint=f"save the file with {used!r}",
            )


def distinct(header: Sequence[str]) -> list[str]:
    """The names of columns, with a number behind a name that occurs again: `a`, `a.1`, `a.2`."""
    found: dict[str, None] = {}
    for name in header:
        numbered = chain((name,), (f"{name}.{number}" for number in count(1)))
        found[next(each for each in numbered if each not in found and (each == name or each not in header))] = None
    return list(found)
