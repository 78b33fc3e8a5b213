"""Write rows with their answers to a file: CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
from codecs import lookup
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from .cells import Form
from .formats import GZIP, format_of
from .tables import ROWS_AT_ONCE, Cells, delimiter_of

if TYPE_CHECKING:
    from ..model import Json

Rows = Callable[[], Iterable[Cells]]
"""Reads all rows again at each call."""

_GZIP_LEVEL = 6  # of 9; higher ones take much longer for little


def write(file: Path, rows: Rows, heads: Rows, form: Form) -> None:
    """Write rows to a file, in the format of its name. A CSV file gets `form`, so that it can be read again.

    `heads` gives rows that have all names of the columns; their values are not used. Parquet needs the rows twice:
    first to find the type of each column. Raises UnicodeEncodeError if the encoding of `form` lacks a character.
    """
    _WRITERS[format_of(file)](file, rows, heads, form)


@contextmanager
def _writing(file: Path, encoding: str) -> Iterator[IO[str]]:
    """A new file of text, compressed if its name says so. The same rows give the same bytes."""
    with file.open("wb") as data:
        is_packed = file.suffix.lower() == GZIP
        packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, data, mtime=0) if is_packed else data
        errors = "backslashreplace" if lookup(encoding).name == "utf-8" else "strict"  # JSON can have half a character
        with io.TextIOWrapper(cast("IO[bytes]", packed), encoding, errors, newline="") as stream:
            yield stream


def _write_csv(file: Path, rows: Rows, heads: Rows, form: Form) -> None:
    names = dict.fromkeys(name for row in heads() for name in row)
    with _writing(file, form.encoding) as stream:
        table = csv.writer(stream, lineterminator="\n", delimiter=delimiter_of(file, form))
        table.writerow(names)
        table.writerows([_csv_cell(row.get(name), form) for name in names] for row in rows())


def _csv_cell(value: Json, form: Form) -> Json:
    if isinstance(value, float):
        return json.dumps(value).replace(".", form.decimal)
    structured = isinstance(value, bool | list | dict)
    return json.dumps(value, default=str, ensure_ascii=False) if structured else value


def _write_jsonl(file: Path, rows: Rows, _heads: Rows, _form: Form) -> None:
    with _writing(file, "utf-8") as stream:
        stream.writelines(f"{json.dumps(row, default=str, ensure_ascii=False)}\n" for row in rows())


def _write_parquet(file: Path, rows: Rows, heads: Rows, _form: Form) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(rows()) or pa.schema([(name, pa.null()) for row in heads() for name in row])
    with parquet.ParquetWriter(file, schema) as table:
        for rows_at_once in _batches(rows()):
            columns = {
                field.name: [_parquet_cell(row.get(field.name), field.type) for row in rows_at_once] for field in schema
            }
            table.write_table(pa.table(columns, schema=schema))


def _schema(rows: Iterable[Cells]) -> Any:
    """The type of each column that holds all of its values. Values of several types become text."""
    import pyarrow as pa

    types: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            types.setdefault(name, pa.null())
            if value is not None and types[name] != pa.string():
                types[name] = _wider(types[name], value)
    return pa.schema([(name, pa.string() if kind == pa.null() else kind) for name, kind in types.items()])


def _wider(known: Any, value: Any) -> Any:
    import pyarrow as pa

    try:
        kind = pa.scalar(value).type
    except (pa.ArrowException, OverflowError):
        return pa.string()
    if known in (pa.null(), kind):
        return kind
    return pa.float64() if {known, kind} == {pa.int64(), pa.float64()} else pa.string()


def _parquet_cell(value: Json, kind: Any) -> Json:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False) if str(kind) == "string" else value


def _batches(rows: Iterable[Cells]) -> Iterator[list[Cells]]:
    from itertools import islice

    left = iter(rows)
    while batch := list(islice(left, ROWS_AT_ONCE)):
        yield batch


_WRITERS = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}
