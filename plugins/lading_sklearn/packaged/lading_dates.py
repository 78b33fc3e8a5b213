"""A step that replaces each date by numbers. This module goes into the package of every model that uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

NAMES = {"weekday": "day_of_week", "dayofyear": "day_of_year"}
"""The names that pandas has for parts with another name."""


class DateParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces the columns of dates in a data frame by their parts, such as `sold_year`, in the same place.

    `dates` has the parts of each column. A date is a datetime or text in the form of ISO 8601.
    A missing date gives NaN.
    """

    def __init__(self, dates: Mapping[str, Sequence[str]]) -> None:
        self.dates = dates

    def fit(self, rows: Any, answers: Any = None) -> DateParts:  # noqa: ARG002 - the interface of scikit-learn
        self.feature_names_in_ = rows.columns.to_numpy(dtype=object)
        self.n_features_in_ = len(rows.columns)
        return self

    def transform(self, rows: Any) -> Any:
        """The data frame with numbers instead of dates. Raises ValueError, which names the column, for other text."""
        columns = {}
        for name in rows.columns:
            if name not in self.dates:
                columns[name] = rows[name]
                continue
            dates = _dates(name, rows[name]).dt
            columns |= {f"{name}_{part}": getattr(dates, NAMES.get(part, part)) for part in self.dates[name]}
        return pd.DataFrame(columns, index=rows.index)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """The names of the columns that `transform` returns."""
        names = self.feature_names_in_ if input_features is None else input_features
        parts = ([f"{name}_{part}" for part in self.dates[name]] if name in self.dates else [name] for name in names)
        return pd.Index([each for some in parts for each in some]).to_numpy(dtype=object)


def _dates(name: str, column: Any) -> Any:
    """A column as datetimes. The parts of a time with a zone are those of the time as it is written."""
    if column.dtype.kind == "M":
        return column
    found = [None if pd.isna(value) else _date(name, value) for value in column]
    return pd.Series(found, index=column.index, dtype="datetime64[us]")


def _date(name: str, value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        return found.replace(tzinfo=None)
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"{name}: {value!r} is not a date such as 2024-05-31") from None
