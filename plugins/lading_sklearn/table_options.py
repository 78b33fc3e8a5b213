"""The options of a table: its files or its query, its columns, and how its cells are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal

from lading import InputFiles, Json, Options, Text

Name = Annotated[str, Text(min_length=1, max_length=200)]
DatePart = Literal["year", "month", "day", "weekday", "dayofyear", "hour", "minute"]

_UNREAD = frozenset(
    (
        *(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".feather", ".arrow", ".orc", ".avro", ".h5", ".hdf5", ".dta"),
        *(".sav", ".sas7bdat", ".zip", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".db", ".sqlite", ".npy", ".npz", ".pkl"),
    )
)
_NO_DELIMITERS = '"\r\n.+-'


@dataclass(frozen=True)
class Query(Options):
    """Rows of a database, read with SQLAlchemy. It needs the extra `sql`."""

    sql: Annotated[str, Text(min_length=1)]
    """The query: `SELECT area, price FROM homes`."""

    url: Annotated[str, Text(min_length=1)]
    """The address of the database as SQLAlchemy writes it: `${DATABASE_URL}`. A relative path of an SQLite file starts
    at the folder of the manifest."""


@dataclass(frozen=True)
class Columns(Options):
    """The table that a model is trained on, and its columns."""

    data: Query | InputFiles | Mapping[str, InputFiles]
    """The table that an estimator is trained on: a file (CSV with a header, Parquet, or JSON lines, each also with
    gzip), a pattern such as `parts/*.csv`, `{train: FILE, test: FILE}`, or `{sql: QUERY, url: ADDRESS}`. For a script
    any path, or a mapping of paths."""

    features: tuple[Name, ...] | Name = ()
    """The columns that the model predicts from. One name without brackets is a column of text that the model gets as a
    series, as `TfidfVectorizer` needs it."""

    label: tuple[Name, ...] | Name | None = None
    """The column that it predicts; a list for several outputs."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features as a list."""
        return (self.features,) if isinstance(self.features, str) else self.features

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels as a list."""
        return (self.label,) if isinstance(self.label, str) else self.label or ()


@dataclass(frozen=True)
class CellOptions(Options):
    """How the cells of a table are read."""

    delimiter: Annotated[str, Text(min_length=1, max_length=1)] | None = None
    """The character between two cells of a CSV file: by default a comma, and a tab in a file `.tsv`."""

    decimal: Literal[".", ","] | None = None
    """The decimal mark of numbers in a CSV file, by default a point."""

    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    """The mark between groups of digits in a CSV file: with `","`, `1,000` is a number."""

    encoding: Annotated[str, Text(max_length=40)] | None = None
    """The encoding of CSV and JSON files, such as `cp1252`; by default UTF-8. A mark at the start of a file, as UTF-16
    has it, counts first."""

    missing: tuple[Annotated[str, Text(max_length=200)], ...] = ()
    """Additional words for a missing value, such as `"?"`. An empty cell, `NA` and the other words of pandas always
    are one. The model gets NaN, if its first step or its estimator takes that."""

    def reading(self) -> dict[str, Json]:
        """These options by name, without those that are not set."""
        named = ((each.name, getattr(self, each.name)) for each in fields(CellOptions))
        return {name: value for name, value in named if value}


@dataclass(frozen=True)
class TableOptions(CellOptions, Columns):
    """The table that a model is trained on, its columns, and how its cells are read."""

    dates: Mapping[Name, tuple[DatePart, ...]] = field(default_factory=dict)
    """The parts of dates that the model gets as numbers: `sold: [year, month, weekday]`. A part is `year`, `month`,
    `day`, `weekday` (0 is Monday), `dayofyear`, `hour` or `minute`. In `steps` its column is called `sold_year`."""


def check_cells(options: CellOptions) -> None:
    """Raise ValueError for options about cells that cannot be used together."""
    if options.thousands and options.thousands == (options.decimal or "."):
        raise ValueError(f"thousands: {options.thousands!r} is the decimal mark too; set decimal to another one")
    if options.delimiter and (options.delimiter.isalnum() or options.delimiter in _NO_DELIMITERS):
        raise ValueError(f"delimiter: {options.delimiter!r} cannot separate cells")
    if options.encoding and not _is_encoding(options.encoding):
        raise ValueError(f"encoding: no encoding {options.encoding}, such as utf-8, cp1252 or utf-16")


def _is_encoding(name: str) -> bool:
    try:
        b"a".decode(name)
    except LookupError:
        return False
    except UnicodeError:  # an encoding of wider characters
        return True
    return True


def repeats(names: Sequence[str]) -> bool:
    """Whether a name is there twice."""
    return len(set(names)) < len(names)


def check_table(options: TableOptions) -> None:
    """Raise ValueError for a table that an estimator cannot be trained on."""
    check_cells(options)
    _check_data(options)
    _check_dates(options)


def _check_data(options: Columns) -> None:
    url = getattr(options.data, "url", "://")
    if "://" not in url:
        raise ValueError("data.url: not an address such as postgresql+psycopg://user@host/database")
    files = options.data.items() if isinstance(options.data, Mapping) else [("", options.data)]
    for name, file in files:
        suffix = file.suffix.lower() if isinstance(file, Path) else ""
        if suffix in _UNREAD:
            place = f"data.{name}" if name else "data"
            raise ValueError(f"{place}: a file {suffix} is not read; save the table as CSV, Parquet or JSON lines")


def _check_dates(options: TableOptions) -> None:
    if not options.dates:
        return
    from .dates import expanded  # most manifests have no dates

    for name, parts in options.dates.items():
        if not parts or repeats(parts):
            raise ValueError(f"dates.{name}: name each part once, such as [year, month, weekday]")
        if name not in options.feature_names or isinstance(options.features, str):
            raise ValueError(f"dates.{name}: it is not in the list of features")
    if repeats(expanded(options.feature_names, options.dates)):
        raise ValueError("dates: a part has the name of another feature")
