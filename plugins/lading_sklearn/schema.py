"""Describe what a fitted model takes and gives, without a cell of the training data.

A value is recorded only if at least ten rows have it. An example is made of medians, moved off every rarer value. The
model itself shows the rest: it must answer the example, and it shows where it takes a missing value.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lading import Json, Schema, SchemaColumn, SchemaKind, SchemaOutput

from .dates import without_dates
from .intake import takes_documents

_ENOUGH = 10  # rows that share a value, so that it tells nothing about one of them
_MOST_CATEGORIES = 100
_MOST_TRIED = 100  # columns in which a missing value is tried, because each needs a prediction
_KINDS: dict[str, SchemaKind] = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "M": "date"}
_MADE_UP = {"boolean": False, "date": "2000-01-01"}
_MADE_UP_TIME = "2000-01-01T00:00"
_TEXT = "text"


def schema_of(
    model: Any,
    columns: Mapping[str, Any],
    inputs: Any,
    answers: Mapping[str, Any],
    booleans: Collection[str] = (),
) -> Schema:
    """The schema of a model. `columns` and `answers` are its features and labels, each an array of shape (rows,).

    `booleans` are the names of columns that have booleans as numbers, because of missing values.

    `inputs` are the features as the model took them: an array or a data frame of shape (rows, features), or texts of
    shape (rows,).
    """
    outputs, is_framed = tuple(_output(name, values, model) for name, values in answers.items()), _is_framed(inputs)
    if len(inputs.shape) == 1:
        example = _TEXT if _answers(model, inputs, [_TEXT]) else None
        return Schema(is_text=True, outputs=outputs, is_framed=is_framed, example=example)
    found = [
        SchemaColumn(name=name, kind="boolean") if name in booleans else _column(name, values)
        for name, values in columns.items()
    ]
    timed = _timed(model)
    row = [
        _MADE_UP_TIME if column.name in timed else _example(column, values)
        for column, values in zip(found, columns.values(), strict=True)
    ]
    nulls = _nullable(model, inputs, row)
    return Schema(
        columns=tuple(replace(column, nullable=null) for column, null in zip(found, nulls, strict=True)),
        outputs=outputs,
        is_framed=is_framed,
        example=dict(zip(columns, row, strict=True)) if _answers(model, inputs, row) else None,
    )


def schema_of_model(model: Any) -> Schema:
    """The schema of a model whose training data is not known: its columns, that it takes texts, or its shape."""
    names, width = getattr(model, "feature_names_in_", None), getattr(model, "n_features_in_", None)
    count = getattr(model, "n_outputs_", 1)
    outputs = (SchemaOutput(),) * (count if isinstance(count, int) else 1)
    if takes_documents(model):
        return Schema(is_text=True, outputs=outputs)
    if names is not None:
        return Schema(columns=tuple(SchemaColumn(name=str(name)) for name in names), outputs=outputs, is_framed=True)
    return Schema(shape=(None, int(width)) if width else (), outputs=outputs)


def _timed(model: Any) -> set[str]:
    """The columns of dates of which the model uses the time of day."""
    _rest, dates = without_dates(model)
    return {name for name, parts in dates.items() if not {"hour", "minute"}.isdisjoint(parts)}


def _is_framed(inputs: Any) -> bool:
    return hasattr(inputs, "iloc")


def _output(name: str, values: Any, model: Any) -> SchemaOutput:
    if values.dtype != object and not hasattr(model, "classes_"):
        return SchemaOutput(name=name, kind="number")
    return SchemaOutput(name=name, kind=_KINDS.get(values.dtype.kind, "category"), classes=tuple(_frequent(values)))


def _column(name: str, values: Any) -> SchemaColumn:
    if values.dtype.kind in _KINDS:
        return SchemaColumn(name=name, kind=_KINDS[values.dtype.kind])
    texts = [value for value in values.tolist() if isinstance(value, str)]
    if 2 * len(set(texts)) > len(texts):  # most texts occur once
        return SchemaColumn(name=name, kind="text")
    return SchemaColumn(name=name, kind="category", categories=tuple(_frequent(values)[:_MOST_CATEGORIES]))


def _frequent(values: Any) -> list[Any]:
    """The values that enough rows have, the most frequent first, and then by their order."""
    counts = Counter(value for value in values.tolist() if value == value)  # noqa: PLR0124 - without NaN
    return sorted(
        (value for value, count in counts.items() if count >= _ENOUGH), key=lambda each: (-counts[each], each)
    )


def _example(column: SchemaColumn, values: Any) -> Json:
    """A made-up cell of a column."""
    if column.kind in ("number", "integer"):
        return _median(values, whole=column.kind == "integer")
    return _MADE_UP.get(column.kind) if column.kind in _MADE_UP else next(iter(column.categories), _TEXT)


def _median(values: Any, *, whole: bool) -> Json:
    """The median, if enough rows have it. Otherwise a number near it that no row has."""
    import numpy as np

    found, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if not len(found):
        return 0
    place = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    if counts[place] >= _ENOUGH:
        return found[place].item()
    if whole:
        return _unused(int(found[place]), set(found.tolist()))
    neighbour = found[place - 1] if place else found[place] - 1
    return float((found[place] + neighbour) / 2)


def _unused(middle: int, used: set[int]) -> int:
    """The whole number next to the middle that is not used."""
    return next(
        number for step in range(len(used) + 1) for number in (middle + step, middle - step) if number not in used
    )


def _nullable(model: Any, inputs: Any, row: Sequence[Json]) -> list[bool]:
    """Whether the model takes a missing value, for each column. All are tried at once, then each one."""
    if _answers(model, inputs, [None] * len(row)):
        return [True] * len(row)
    tried = [[*row[:place], None, *row[place + 1 :]] for place in range(min(len(row), _MOST_TRIED))]
    found = [_answers(model, inputs, cells) for cells in tried]
    return [*found, *[False] * (len(row) - len(found))]


def _answers(model: Any, inputs: Any, row: Sequence[Json]) -> bool:
    """Whether the model has an answer to a row of the form of `inputs`."""
    import numpy as np

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = np.asarray(model.predict(_as_input(inputs, row)))
    except Exception:  # the model can be of any class
        return False
    return answer.shape[:1] == (1,) and (answer.dtype.kind != "f" or bool(np.isfinite(answer).all()))


def _as_input(inputs: Any, row: Sequence[Json]) -> Any:
    """One row in the form of `inputs`, with NaN for None."""
    import numpy as np

    cells = [np.nan if cell is None else cell for cell in row]
    if len(inputs.shape) == 1:
        return type(inputs)(cells) if _is_framed(inputs) else np.array(cells, dtype=object)
    if not _is_framed(inputs):
        return np.array([cells])
    texts = [name for name, dtype in inputs.dtypes.items() if dtype.kind == "O"]
    return type(inputs)([cells], columns=inputs.columns).astype(dict.fromkeys(texts, object))
