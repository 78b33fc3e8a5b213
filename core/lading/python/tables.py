"""Read the rows of a file of any size, and write them with their answers: CSV, JSON lines and Parquet.

CSV and JSON lines can be compressed with gzip.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from ..errors import BadInput
from .cells import from_text, from_value

if TYPE_CHECKING:
    from ..model import Json
    from ..model.schema import SchemaKind

Cells = dict[str, "Json"]
Rows = Callable[[], Iterable[Cells]]
"""Reads all rows again at each call."""

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_ROWS_AT_ONCE = 1000
_GZIP = ".gz"
_GZIP_LEVEL = 6  # of 9; higher ones take much longer for little


class Row(NamedTuple):
    """A row of a file: the value to send, its cells as written, and the reason why it cannot be sent."""

    value: Json
    cells: Cells
    problem: str = ""


@dataclass
class Reader:
    """The rows of a file.

    `columns` has the kind of each column that the model takes; empty if it is not known. Without `columns`, the rows
    have only their cells. `left_out` names the columns that are not sent, because the model does not take them. `done`
    is the share of the file that has been read, from 0 to 1.
    """

    file: Path
    columns: Mapping[str, SchemaKind] | None = None
    left_out: tuple[str, ...] | None = None
    done: float = 0.0

    def rows(self) -> Iterator[Row]:
        """All rows, in their order. Raises BadInput, with the line, for a file that cannot be read."""
        try:
            yield from _READERS[format_of(self.file)](self)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise BadInput(f"{self.file} is not a whole gzip file", hint="compress it again") from None
        except OSError as error:
            raise BadInput(f"{self.file} cannot be read: {(error.strerror or str(error)).lower()}") from None

    def _row(self, cells: Cells, convert: Callable[[str, Json], Json]) -> Row:
        if self.columns is None:
            return Row(None, cells)
        names = self.columns if self.columns and self.columns.keys() <= cells.keys() else cells
        if self.left_out is None:
            self.left_out = tuple(name for name in cells if name not in names)
        return Row({name: convert(name, cells[name]) for name in names}, cells)

    def _csv(self) -> Iterator[Row]:
        with self._lines() as lines:
            table = csv.reader(lines, strict=True)
            try:
                header = next(table, [])
                if len(set(header)) != len(header) or not header:
                    raise BadInput(f"{self.file}:1: a header is expected, with a different name for each column")
                for cells in table:
                    if not cells:
                        continue  # a blank line
                    if len(cells) != len(header):
                        problem = f"line {table.line_num} has {len(cells)} values, not {len(header)}"
                        yield Row(
                            None, {**dict.fromkeys(header, ""), **dict(zip(header, cells, strict=False))}, problem
                        )
                    else:
                        yield self._row(dict(zip(header, cells, strict=True)), self._cell)
            except csv.Error as error:
                raise BadInput(f"{self.file}:{table.line_num}: not CSV: {error}") from None
            except UnicodeDecodeError:
                raise BadInput(f"{self.file}: not UTF-8 after line {table.line_num}", hint="save it as UTF-8") from None

    def _cell(self, name: str, text: str) -> Json:
        return from_text(text, self._kind(name))

    def _kind(self, name: str) -> SchemaKind:
        return (self.columns or {}).get(name, "")

    def _jsonl(self) -> Iterator[Row]:
        with self._lines() as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield Row(None, {"input": line.strip()}, f"line {number} is not JSON: {error}")
                    continue
                record = isinstance(value, dict)
                yield self._row(value, lambda _name, cell: cell) if record else Row(value, {"input": value})

    def _parquet(self) -> Iterator[Row]:
        table = _pyarrow(self.file, lambda parquet: parquet.ParquetFile(self.file))
        read, total = 0, max(1, table.metadata.num_rows)
        for batch in table.iter_batches(_ROWS_AT_ONCE):
            for cells in batch.to_pylist():
                read += 1
                self.done = read / total
                yield self._row(cells, lambda name, cell: from_value(cell, self._kind(name)))

    @contextmanager
    def _lines(self) -> Iterator[Iterator[str]]:
        """The lines of the file as text. Reading them counts as progress."""
        size = max(1, self.file.stat().st_size)
        with (
            self.file.open("rb") as data,
            _unpacked(self.file, data) as plain,
            io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text,
        ):

            def counted() -> Iterator[str]:
                for line in text:
                    self.done = min(1.0, data.tell() / size)
                    yield line

            yield counted()


_READERS: dict[str, Callable[[Reader], Iterator[Row]]] = {
    "csv": Reader._csv,
    "jsonl": Reader._jsonl,
    "parquet": Reader._parquet,
}


def _unpacked(file: Path, data: IO[bytes]) -> IO[bytes]:
    """The bytes of a file without the compression that its name shows."""
    is_packed = file.suffix.lower() == _GZIP
    return cast("IO[bytes]", gzip.GzipFile(fileobj=data, mode="rb")) if is_packed else data


def is_table(file: Path) -> bool:
    """Whether the name of a file has one of the endings of a table."""
    return _format(file) is not None


def _format(file: Path) -> str | None:
    """The format of a file by the end of its name. None if it is none of `FORMATS`; Parquet compresses itself."""
    ending = file.suffix.lower()
    found = FORMATS.get(Path(file.stem).suffix.lower() if ending == _GZIP else ending)
    return None if ending == _GZIP and found == "parquet" else found


def format_of(file: Path) -> str:
    """The format of a file by the end of its name. Raises BadInput if it is not the name of a table."""
    found = _format(file)
    if found is None:
        raise BadInput(f"{file} is not a table that can be scored", hint=f"name a file that ends with {_ENDINGS}")
    if found == "parquet":
        _pyarrow(file, lambda _parquet: None)
    return found


_ENDINGS = ", ".join(f"{ending}[.gz]" if name != "parquet" else ending for ending, name in FORMATS.items())


def _pyarrow(file: Path, use: Callable[[Any], Any]) -> Any:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise BadInput(f"{file} needs pyarrow", hint="pip install 'lading[parquet]'") from None
    try:
        return use(parquet)
    except pa.ArrowException as error:
        raise BadInput(f"{file} is not Parquet: {str(error).splitlines()[0]}") from None


def write(file: Path, rows: Rows, heads: Rows) -> None:
    """Write rows to a file, in the format of its name.

    `heads` gives rows that have all names of the columns; their values are not used. Parquet needs the rows twice:
    first to find the type of each column.
    """
    _WRITERS[format_of(file)](file, rows, heads)


@contextmanager
def _writing(file: Path) -> Iterator[IO[str]]:
    """A new file of text, compressed if its name says so. The same rows give the same bytes."""
    with file.open("wb") as data:
        is_packed = file.suffix.lower() == _GZIP
        packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, data, mtime=0) if is_packed else data
        with io.TextIOWrapper(cast("IO[bytes]", packed), encoding="utf-8", newline="") as stream:
            yield stream


def _write_csv(file: Path, rows: Rows, heads: Rows) -> None:
    names = dict.fromkeys(name for row in heads() for name in row)
    with _writing(file) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(names)
        table.writerows([_csv_cell(row.get(name)) for name in names] for row in rows())


def _csv_cell(value: Json) -> Json:
    structured = isinstance(value, bool | float | list | dict)
    return json.dumps(value, default=str, ensure_ascii=False) if structured else value


def _write_jsonl(file: Path, rows: Rows, _heads: Rows) -> None:
    with _writing(file) as stream:
        stream.writelines(f"{json.dumps(row, default=str, ensure_ascii=False)}\n" for row in rows())


def _write_parquet(file: Path, rows: Rows, _heads: Rows) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(rows())
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
    while batch := list(islice(left, _ROWS_AT_ONCE)):
        yield batch


_WRITERS = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}
