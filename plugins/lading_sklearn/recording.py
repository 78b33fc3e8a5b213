"""Record golden requests: rows of the training data with the predictions of the model that was just fitted."""

from __future__ import annotations

from typing import Any

from lading import Json, StageFailed


def record(model: Any, inputs: Any, wanted: int) -> list[dict[str, Json]]:
    """Requests and responses for `wanted` rows of `inputs`, in the form of the default scoring script.

    The rows are evenly spread over the data, from the first to the last. If there are fewer than `wanted`, all are
    used. `inputs` has shape (rows, features), or (rows,) for texts. Raises StageFailed for an answer that is not a
    finite number, text or list.
    """
    import numpy as np

    places = np.unique(np.linspace(0, len(inputs) - 1, wanted).round().astype(int))
    chosen = inputs.iloc[places] if hasattr(inputs, "iloc") else inputs[places]
    answers = np.asarray(model.predict(chosen))
    if answers.dtype.kind == "f" and not np.isfinite(answers).all():
        raise StageFailed("the model has no finite answer to a row that it was trained on", hint="look at its data")
    rows = chosen.astype(object).to_numpy() if hasattr(chosen, "iloc") else chosen
    pairs = zip(rows.tolist(), answers.tolist(), strict=True)
    return [{"request": {"data": [_as_json(row)]}, "response": [answer]} for row, answer in pairs]


def _as_json(cell: Any) -> Json:
    """A row, a text or a cell as a request has it: a missing value is null, and a date is text."""
    if isinstance(cell, list):
        return [_as_json(each) for each in cell]
    if cell != cell:  # noqa: PLR0124 - NaN, and NaT of pandas
        return None
    return cell.isoformat().removesuffix("T00:00:00") if hasattr(cell, "isoformat") else cell
