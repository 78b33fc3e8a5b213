"""Columns of dates. A step at the start of the model replaces each date by the parts that the manifest names."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import PluginError

from .cells import Cells, Reading, missing_in

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Dates = Mapping[str, Sequence[str]]

MODULE = Path(__file__).parent / "packaged" / "lading_dates.py"
"""The module of the step. A model with dates needs it for scoring."""

_STEP = "lading_dates"
_HINT = "write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, or prepare the data in a training script"


def expanded(names: Sequence[str], dates: Dates) -> list[str]:
    """The columns that the steps of a manifest get: a date is replaced by its parts, such as `sold_year`."""
    return [each for name in names for each in part_names(name, dates)]


def part_names(name: str, dates: Dates) -> list[str]:
    """The names of a column's parts; the name itself if it is not a date."""
    return [f"{name}_{part}" for part in dates[name]] if name in dates else [name]


def with_dates(model: Any, dates: Dates) -> Any:
    """The unfitted model behind a step that replaces dates. Without dates the model itself."""
    if not dates:
        return model
    from sklearn.pipeline import Pipeline

    sys.path.append(str(MODULE.parent))
    try:
        from lading_dates import DateParts  # type: ignore[import-not-found] # the name that the package has
    except ImportError as error:
        raise PluginError(f"dates need {error.name}", hint="pip install 'lading[pandas]'") from None
    step = (_STEP, DateParts({name: list(parts) for name, parts in dates.items()}))
    following = model.steps if hasattr(model, "steps") else [(type(model).__name__.lower(), model)]
    return Pipeline([step, *following])


def without_dates(model: Any) -> tuple[Any, Dates]:
    """A fitted model without the step of `with_dates`, and the dates that the step replaces."""
    steps = getattr(model, "steps", None)
    if not isinstance(steps, list) or steps[0][0] != _STEP:  # a class of the user can have any attribute
        return model, {}
    return (steps[1][1] if len(steps) == 2 else model[1:]), steps[0][1].dates


def date_column(cells: Cells, no_missing: str, reading: Reading) -> Array:
    """The dates as an array of datetime64, with NaT for a missing one.

    Raises BadInput, at the cell, for a value that is not a date, and for a missing one if `no_missing` names an
    estimator.
    """
    import numpy as np

    missing = missing_in(cells, reading, no_missing)
    found = [None if gone else _date(cells, row) for row, gone in enumerate(missing)]
    return np.array(found, dtype="datetime64[us]")


def _date(cells: Cells, row: int) -> datetime:
    value = cells.values[row]
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)  # the parts are those of the time as it is written
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    raise cells.wrong(row, f"{str(cells.values[row])[:40]!r} is not a date", _HINT)
