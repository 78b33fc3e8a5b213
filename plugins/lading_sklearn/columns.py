"""The inputs and the answers of a model, from a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lading import BadInput, PluginError

from .cells import FILL, LABEL, Reading, are_booleans, missing_in, typed
from .dates import date_column, expanded, part_names
from .forms import ENCODE
from .intake import Takes, intake
from .table import Table

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Intake:
    """What a model takes in each of its `features`. With `flat` it gets the only one as a series.

    `model` is the one of the manifest, without the step that replaces dates. Raises BadInput if it needs another form.
    """

    def __init__(self, model: Any, features: Sequence[str], reading: Reading, *, flat: bool) -> None:
        self._features = features
        self._reading = reading
        self._takes = intake(model, expanded(features, reading.dates), flat=flat)

    def read(self, table: Table) -> dict[str, Array]:
        """The typed features. Raises BadInput, at the cell, for a value that the model does not take."""
        return {name: self._column(table, name) for name in self._features}

    def booleans(self, table: Table, columns: Mapping[str, Array]) -> frozenset[str]:
        """The names of the typed columns that are booleans."""
        return frozenset(name for name, column in columns.items() if are_booleans(table.cells(name), column))

    def explained(self, error: ValueError, table: Table) -> BadInput | None:
        """The cell that an estimator refused although its tags do not say so; None for another error of a fit."""
        said = str(error).partition("\n")[0]
        for name in self._features:
            cells = table.cells(name)
            if "NaN" in said and True in (missing := missing_in(cells, self._reading, "")):
                return cells.wrong(missing.index(True), f"a missing value, and the training failed: {said}", FILL)
            refused = said.removeprefix("could not convert string to float: ")
            if refused != said and refused in (shown := [repr(value) for value in cells.values]):
                return cells.wrong(shown.index(refused), f"{refused} is text, and the training failed: {said}", ENCODE)
        return None

    def _column(self, table: Table, name: str) -> Array:
        cells, takes = table.cells(name), [self._takes[part] for part in part_names(name, self._reading.dates)]
        if name in self._reading.dates:
            return date_column(cells, next(filter(None, (each.no_missing for each in takes)), ""), self._reading)
        return typed(cells, takes[0], self._reading)


def read_answers(table: Table, labels: Sequence[str], reading: Reading, regressor: str) -> Array:
    """The answers, of shape (rows,) for one label and else (rows, labels).

    `regressor` names a model that takes only numbers; it is empty for another one. Raises BadInput, at the cell, for a
    missing value, and for text that the model does not take.
    """
    import numpy as np

    takes = Takes(no_missing=LABEL, no_text=regressor)
    columns = [typed(table.cells(label), takes, reading) for label in labels]
    if len(columns) == 1:
        return columns[0]
    kinds = {column.dtype.kind for column in columns}
    return np.column_stack([column.astype(object) for column in columns] if "O" in kinds else columns)


def matrix(columns: Mapping[str, Array], *, framed: bool = False, flat: bool = False) -> Any:
    """The features as one numeric array, shape (rows, features).

    A data frame if some are text or dates, or if `framed`; a series if `flat`.
    """
    import numpy as np

    numeric = all(column.dtype.kind in "iufb" for column in columns.values())
    if numeric and not framed and not flat:
        stacked = np.column_stack(list(columns.values()))
        return stacked.astype("int64") if stacked.dtype.kind == "b" else stacked
    try:
        import pandas as pd
    except ImportError:
        text = next((name for name, column in columns.items() if column.dtype == object), None)
        why = f"the column {text} is text" if text else "the model takes a data frame"
        raise PluginError(f"{why}, which needs pandas", hint="pip install 'lading[pandas]'") from None
    if flat:
        ((name, column),) = columns.items()
        return pd.Series(column, name=name)
    return pd.DataFrame(columns)
