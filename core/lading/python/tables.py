"""Read the rows of a file of any size: CSV, JSON lines and Parquet. CSV and JSON lines can be compressed with gzip."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from codecs import getincrementaldecoder, lookup
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from ..errors import BadInput
from .cells import USUAL, Form, from_text, from_value
from .formats import GZIP, format_of, named_format, use_parquet
from .headers import check_header, distinct

if TYPE_CHECKING:
    from ..model import Json
    from ..model.schema import SchemaKind

Cells = dict[str, "Json"]
ROWS_AT_ONCE = 1000
_LONGEST_CELL = 2**31 - 1  # characters; Python's own limit is 131072
_BLOCK = 1 << 20  # bytes


class Row(NamedTuple):
    """A row of a file: the value to send, its cells as written, and the reason why it cannot be sent."""

    value: Json
    cells: Cells
    problem: str = ""


@dataclass
class Reader:
    """The rows of a file.

    `columns` has the kind of each column that the model takes; empty if it is not known. Without `columns`, the rows
    have only their cells. `form` is that of the file; its words for a missing value count in one of `columns`. If the
    file does not have the `columns`, and the model takes a list of `width` numbers, a row is a list of its cells in
    their order, without those of the `labels`. `left_out` names the columns that are not sent, because the model does
    not take them. `done` is the share of the file that has been read, from 0 to 1, and `line` its last line. `header`
    has the names of the columns once the reading has begun; JSON lines have none.
    """

    file: Path
    columns: Mapping[str, SchemaKind] | None = None
    form: Form = USUAL
    width: int = 0
    labels: frozenset[str] = frozenset()
    left_out: tuple[str, ...] | None = None
    done: float = 0.0
    line: int = 0
    header: tuple[str, ...] = ()
    _by_place: dict[str, None] | None = None

    def rows(self) -> Iterator[Row]:
        """All rows, in their order. Raises BadInput, with the line, for a file that cannot be read."""
        try:
            yield from _READERS[format_of(self.file)](self)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise BadInput(f"{self.file} is not a whole gzip file", hint="compress it again") from None
        except UnicodeError:
            tried, usual = self._codec.removesuffix("-sig").upper(), encoding_of(self.file, self.form).upper()
            raise BadInput(f"{self.file}: not {tried} after line {self.line}", hint=f"save it as {usual}") from None
        except OSError as error:
            raise BadInput(f"{self.file} cannot be read: {(error.strerror or str(error)).lower()}") from None

    def _row(self, cells: Cells, convert: Callable[[str, Json], Json]) -> Row:
        if self.columns is None:
            return Row(None, cells)
        names = self._sent(cells)
        if self.left_out is None:
            self.left_out = tuple(name for name in cells if name not in names)
        if names is not self._by_place:
            return Row({name: convert(name, cells.get(name)) for name in names}, cells)
        if names.keys() <= cells.keys():
            return Row([convert(name, cells[name]) for name in names], cells)
        return Row(None, cells, f"a row has {', '.join(names)}")

    def _sent(self, cells: Cells) -> Mapping[str, Any]:
        """The columns that are sent: those that the model takes, if the row, or all JSON lines together, have them."""
        if self.columns and (self.columns.keys() <= cells.keys() or self._can_leave_out):
            return self.columns
        if self.width and self._by_place is None:
            self._by_place = self._places(cells)
        return cells if self._by_place is None else self._by_place

    @cached_property
    def _can_leave_out(self) -> bool:
        """Whether a row can lack a column. In JSON lines it then has a missing value, as in a training.

        A column that no row has is a wrong name. The service reports it.
        """
        if format_of(self.file) != "jsonl":
            return False
        lacking = set(self.columns or ())
        for row in Reader(self.file, form=self.form).rows():
            lacking.difference_update(row.cells)
            if not lacking:
                return True
        return False

    def _places(self, cells: Cells) -> dict[str, None]:
        """The columns of a row that is sent as a list. Raises BadInput if the model takes another number of them."""
        features = [name for name in cells if len(cells) == self.width or name not in self.labels]
        if len(features) == self.width:
            return dict.fromkeys(features)
        raise BadInput(
            f"{self.file} has the columns {', '.join(features)}, and the model takes {self.width} without names",
            hint="leave out the other columns; the rest are sent in their order",
        )

    def _csv(self) -> Iterator[Row]:
        csv.field_size_limit(_LONGEST_CELL)
        with self._lines() as lines:
            mark = delimiter_of(self.file, self.form)
            table = csv.reader(lines, strict=True, delimiter=mark)
            try:
                header = [name.strip() if self.form.is_stripped else name for name in next(table, [])]
                check_header(self.file, header, self.columns, used=mark, by_place=self.width > 0)
                header = distinct(header)
                self.header = tuple(header)
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

    def _cell(self, name: str, text: str) -> Json:
        return from_text(text, self._kind(name), self._form(name))

    def _value(self, name: str, cell: Json) -> Json:
        return from_value(cell, self._kind(name), self._form(name))

    def _json_value(self, name: str, cell: Json) -> Json:
        value = self._value(name, cell)
        return cell if isinstance(cell, str) and value is not None else value

    def _form(self, name: str) -> Form:
        return self.form if name in (self.columns or {}) else self.form.without_words

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
                yield self._row(value, self._json_value) if record else Row(value, {"input": value})

    def _parquet(self) -> Iterator[Row]:
        table = use_parquet(self.file, lambda parquet: parquet.ParquetFile(self.file))
        self.header = tuple(table.schema_arrow.names)
        read, total = 0, max(1, table.metadata.num_rows)
        for batch in table.iter_batches(ROWS_AT_ONCE):
            for cells in batch.to_pylist():
                read += 1
                self.done = read / total
                yield self._row(cells, self._value)

    @property
    def _codec(self) -> str:
        """The codec that reads the file. The mark at the start of a file is not a part of its text."""
        return _shown_encoding(self.file) or encoding_of(self.file, self.form)

    @contextmanager
    def _lines(self) -> Iterator[Iterator[str]]:
        """The lines of the file as text. Reading them counts as progress."""
        size = max(1, self.file.stat().st_size)
        with (
            self.file.open("rb") as data,
            _unpacked(self.file, data) as plain,
            io.TextIOWrapper(plain, encoding=self._codec, newline="") as text,
        ):

            def counted() -> Iterator[str]:
                for self.line, line in enumerate(text, start=1):
                    self.done = min(1.0, data.tell() / size)
                    yield line

            yield counted()


_READERS: dict[str, Callable[[Reader], Iterator[Row]]] = {
    "csv": Reader._csv,
    "jsonl": Reader._jsonl,
    "parquet": Reader._parquet,
}


def encoding_of(file: Path, form: Form) -> str:
    """The encoding of a file of text: that of the file of the training."""
    return form.encoding if format_of(file) in ("csv", "jsonl") else "utf-8"


def with_own_encoding(file: Path, form: Form) -> Form:
    """The form with the encoding of the file, if its bytes show that, otherwise that of the form.

    Almost any file can be decoded in an encoding of one byte for each character. One of UTF-8 would give wrong letters.
    """
    if format_of(file) == "parquet":
        return form
    with suppress(OSError, EOFError, zlib.error):  # reading the rows reports a file that cannot be read
        if shown := _shown_encoding(file):
            return replace(form, encoding=shown.removesuffix("-sig"))
    return replace(form, encoding="utf-8") if lookup(form.encoding).name != "utf-8" and _is_utf8(file) else form


def _shown_encoding(file: Path) -> str | None:
    """The encoding that a file of text shows: by a mark at its start, or by the zero bytes of wide characters."""
    with file.open("rb") as data:
        shown = json.detect_encoding(_unpacked(file, data).read(4))
    return None if shown == "utf-8" else shown


def _is_utf8(file: Path) -> bool:
    """Whether the bytes of a file are UTF-8, and not only ASCII."""
    decoder, is_ascii = getincrementaldecoder("utf-8")(), True
    try:
        with file.open("rb") as data, _unpacked(file, data) as plain:
            while block := plain.read(_BLOCK):
                is_ascii = is_ascii and block.isascii()
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except (UnicodeError, OSError, EOFError, zlib.error):  # reading the rows reports a file that cannot be read
        return False
    return not is_ascii


def delimiter_of(file: Path, form: Form) -> str:
    """The character between two cells: that of the form, else a tab in a file `.tsv` and a comma in others."""
    return form.delimiter or ("\t" if ".tsv" in file.suffixes else ",")


def _unpacked(file: Path, data: IO[bytes]) -> IO[bytes]:
    """The bytes of a file without the compression that its name shows."""
    is_packed = file.suffix.lower() == GZIP
    return cast("IO[bytes]", gzip.GzipFile(fileobj=data, mode="rb")) if is_packed else data


def is_table(file: Path) -> bool:
    """Whether a file is a table by the ending of its name. A file `.json` is one if its first line is a whole object
    and others follow: else it is one request.
    """
    is_json = ".json" in map(str.lower, file.suffixes) and named_format(file) == "jsonl"
    if not is_json:
        return named_format(file) is not None
    if not file.is_file():
        return False
    # Each byte is a letter in it, and the signs of JSON are the same bytes in all encodings that a file does not show.
    any_bytes = replace(USUAL, encoding="latin-1")
    with (
        suppress(ValueError, OSError, EOFError, RecursionError, zlib.error),
        Reader(file, form=any_bytes)._lines() as lines,
    ):
        return isinstance(json.loads(next(lines, "")), dict) and any(line.strip() for line in lines)
    return False
