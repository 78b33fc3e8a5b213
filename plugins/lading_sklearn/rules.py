"""The rules between the options of a training. A manifest reports a broken rule at the option that it begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .options import CellOptions, SklearnOptions

_UNREAD = frozenset(
    (
        *(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".feather", ".arrow", ".orc", ".avro", ".h5", ".hdf5", ".dta"),
        *(".sav", ".sas7bdat", ".zip", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".db", ".sqlite", ".npy", ".npz", ".pkl"),
    )
)
_NO_DELIMITERS = '"\r\n.+-'


def check_training(options: SklearnOptions) -> None:
    """Raise ValueError for options that exclude each other or say too little."""
    chosen = [name for name in ("estimator", "steps", "script") if getattr(options, name)]
    if len(chosen) != 1:
        raise ValueError(_choose(chosen))
    rules = _SCRIPT_RULES if options.script else _DECLARED_RULES
    for broken, message in rules:
        if broken(options):
            raise ValueError(message)
    if options.script:
        for name in options.reading():
            raise ValueError(f"{name}: a script reads its own data; pass it under params")
    else:
        check_cells(options)
        _check_files(options)
        _check_dates(options)


def check_cells(options: CellOptions) -> None:
    """Raise ValueError for options about cells that cannot be used together."""
    if options.thousands and options.thousands == (options.decimal or "."):
        raise ValueError(f"thousands: {options.thousands!r} is the decimal mark too; set decimal to another one")
    if options.delimiter and (options.delimiter.isalnum() or options.delimiter in _NO_DELIMITERS):
        raise ValueError(f"delimiter: {options.delimiter!r} cannot separate cells")
    if options.encoding and not _is_encoding(options.encoding):
        raise ValueError(f"encoding: no encoding {options.encoding}, such as utf-8, cp1252 or utf-16")
    for name, parts in options.dates.items():
        if not parts or _repeats(parts):
            raise ValueError(f"dates.{name}: name each part once, such as [year, month, weekday]")


def _is_encoding(name: str) -> bool:
    try:
        b"a".decode(name)
    except LookupError:
        return False
    except UnicodeError:  # an encoding of wider characters
        return True
    return True


def _choose(chosen: list[str]) -> str:
    if not chosen:
        return "name an estimator, steps or a script"
    return f"{chosen[-1]}: {' and '.join(chosen)} exclude each other; keep one"


def _repeats(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names)


def _check_files(options: SklearnOptions) -> None:
    url = getattr(options.data, "url", "://")
    if "://" not in url:
        raise ValueError("data.url: not an address such as postgresql+psycopg://user@host/database")
    files = options.data.items() if isinstance(options.data, Mapping) else [("", options.data)]
    for name, file in files:
        suffix = file.suffix.lower() if isinstance(file, Path) else ""
        if suffix in _UNREAD:
            place = f"data.{name}" if name else "data"
            raise ValueError(f"{place}: a file {suffix} is not read; save the table as CSV, Parquet or JSON lines")


def _check_dates(options: SklearnOptions) -> None:
    if not options.dates:
        return
    from .dates import expanded  # most manifests have no dates

    for name in options.dates:
        if name not in options.feature_names or isinstance(options.features, str):
            raise ValueError(f"dates.{name}: it is not in the list of features")
    if _repeats(expanded(options.feature_names, options.dates)):
        raise ValueError("dates: a part has the name of another feature")


def _is_incomplete(options: SklearnOptions) -> bool:
    return isinstance(options.data, Mapping) and options.data.keys() != {"train", "test"}


def _is_several(options: SklearnOptions) -> bool:
    """Whether the data of a script is a query or a pattern for files."""
    several = [options.data] if not isinstance(options.data, Mapping) else options.data.values()
    return any(not isinstance(file, Path) or (_has_mark(file) and not file.exists()) for file in several)


def _has_mark(file: Path) -> bool:
    return any(mark in str(file) for mark in "*?[")


_Rules = tuple[tuple[Callable[["SklearnOptions"], object], str], ...]

_SCRIPT_RULES: _Rules = (
    (_is_several, "data: a script gets paths; name files or their folder, and pass a query under params"),
    (lambda options: options.features, "features: a script chooses its own columns; pass them under params"),
    (lambda options: options.label, "label: a script chooses its own columns; pass it under params"),
    (lambda options: options.test_size, "test_size: a script splits its own data; pass it under params"),
    (lambda options: options.random_state is not None, "random_state: a script has its own; pass it under params"),
)
_DECLARED_RULES: _Rules = (
    (
        _is_incomplete,
        "data: an estimator is trained on a file, on {train: FILE, test: FILE} or on {sql: QUERY, url: ADDRESS}",
    ),
    (
        lambda options: isinstance(options.data, Mapping) and options.test_size is not None,
        "test_size: data has its own test rows; keep one of the two",
    ),
    (lambda options: not options.features, "features: name the columns that the model predicts from"),
    (lambda options: _repeats(options.feature_names), "features: a column is named twice"),
    (lambda options: not options.label, "label: name the column that the model predicts"),
    (lambda options: _repeats(options.label_names), "label: a column is named twice"),
    (lambda options: set(options.label_names) & set(options.feature_names), "label: the column is also a feature"),
    (lambda options: options.steps and options.params, "params: each step has its own"),
    (lambda options: _repeats(tuple(step.name for step in options.steps)), "steps: a name is used twice"),
    (lambda options: any("__" in step.name for step in options.steps), "steps: a name holds two underscores in a row"),
    (
        lambda options: options.random_state is not None and options.test_size is None,
        "random_state: it seeds the split, so it needs test_size; an estimator takes its own under params",
    ),
)
