"""Read Parquet files. Only this module imports pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, PluginError

from .cells import Reading
from .part import Part, column_places, content_of

if TYPE_CHECKING:
    from .part import Values


def read(file: Path, names: Sequence[str], _reading: Reading) -> Part:
    """Read the columns `names` of a Parquet file. Raises BadInput for another file, and for a missing column."""
    with _opened(file) as opened:
        column_places(str(file), opened.schema_arrow.names, names)
        table = opened.read(columns=list(names))
        columns = {name: _values(table.column(name)) for name in names}
    return Part(columns, table.num_rows, lambda row: f"{file}: row {row + 1}")


def header(file: Path, _reading: Reading) -> list[str]:
    """The names of the columns of a file."""
    with _opened(file) as opened:
        return list(opened.schema_arrow.names)


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise PluginError(f"{file.name} needs pyarrow", hint="pip install 'lading[parquet]'") from None
    try:
        with ParquetFile(BytesIO(content_of(file))) as opened:
            yield opened
    except (pyarrow.ArrowException, OSError) as error:
        raise BadInput(f"{file}: not a Parquet file that can be read: {error}") from None


def _values(column: Any) -> Values:
    """An array for numbers, with NaN for a missing one. For other types the values in a list, with None."""
    from pyarrow import compute, types

    if types.is_integer(column.type) or types.is_floating(column.type):
        values: Values = column.to_numpy()
        return values
    if types.is_timestamp(column.type):
        if column.type.tz:  # a row that is scored has the date of its own time zone
            column = compute.local_timestamp(column)
        column = column.cast("timestamp[us]", safe=False)
    listed: list[Any] = column.to_pylist()
    return listed
