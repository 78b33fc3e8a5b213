"""How much a model depends on each column: its own measure, or else the loss after shuffling the column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .drawing import NothingToDraw, new_figure, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .measuring import Rows

Array = np.ndarray[Any, Any]

_MOST_BARS = 20
_MOST_ROWS = 1000  # rows to shuffle
_MOST_COLUMNS = 500  # columns to shuffle: the model predicts the rows again for each
_FEW_COLUMNS = 50  # up to here, each column is shuffled several times
_SHUFFLES = 5


def importance(model: Any, rows: Rows) -> Figure:
    """Plot the most important columns. The title names the source of the numbers."""
    if rows.inputs.ndim == 1:
        raise NothingToDraw("a model of one text has no columns to compare")
    own = _own(model, rows)
    if own is not None:
        return _bars(own[0], rows, "Feature importance: the model's own", own[1])
    repeats = _SHUFFLES if len(rows.features) <= _FEW_COLUMNS else 1
    found, used = _permutation(model, rows, repeats)
    return _bars(found, rows, f"Permutation importance on {used:,} rows", "loss of score if the column is shuffled")


def _own(model: Any, rows: Rows) -> tuple[Array, str] | None:
    """The model's own measure of each column, and its name. For a linear model it is scaled by the column's spread."""
    found = np.asarray(getattr(model, "feature_importances_", ()))
    if found.shape == (len(rows.features),):
        return found, "feature_importances_"
    weights = np.atleast_2d(np.asarray(getattr(model, "coef_", ())))
    if weights.shape[1] == len(rows.features) and weights.dtype.kind == "f":
        spread = np.asarray(rows.inputs, dtype=float).std(axis=0)
        return np.abs(weights).mean(axis=0) * spread, "|coef_| times standard deviation"
    return None


def _permutation(model: Any, rows: Rows, repeats: int) -> tuple[Array, int]:
    """The mean loss of the model's own score for each shuffled column, and the number of rows used."""
    from sklearn.inspection import permutation_importance

    if not hasattr(model, "score"):
        raise NothingToDraw(f"a {type(model).__name__} has no score")
    if len(rows.features) > _MOST_COLUMNS:
        raise NothingToDraw(
            f"{len(rows.features):,} columns are too many to shuffle each; the most are {_MOST_COLUMNS}"
        )
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows.answers))[:_MOST_ROWS])
    inputs = rows.inputs.iloc[chosen] if hasattr(rows.inputs, "iloc") else rows.inputs[chosen]
    found = permutation_importance(model, inputs, rows.answers[chosen], n_repeats=repeats, random_state=0)
    return np.asarray(found["importances_mean"]), len(chosen)


def _bars(values: Array, rows: Rows, title: str, label: str) -> Figure:
    finite = np.flatnonzero(np.isfinite(values))
    if not len(finite):
        raise NothingToDraw("no importance is a finite number")
    chosen = finite[np.argsort(-values[finite], kind="stable")][:_MOST_BARS]
    figure = new_figure(7.5, 1.6 + 0.24 * len(chosen))
    axes = figure.add_subplot()
    places = np.arange(len(chosen))
    axes.barh(places, values[chosen])
    axes.set_yticks(places, [shown(rows.features[place]) for place in chosen])
    axes.invert_yaxis()
    axes.set_xlabel(label)
    every = f", {len(chosen)} of {len(values):,} columns" if len(chosen) < len(values) else ""
    figure.suptitle(f"{title}{every}", fontsize="medium")
    return figure
