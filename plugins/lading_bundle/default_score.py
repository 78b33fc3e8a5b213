"""Score a scikit-learn model: `{"data": [[1, 2], ...]}`, or rows by name, `{"data": [{"x": 1, "y": 2}, ...]}`.

The answer is the list of predictions. Wrong data in a request is answered with 400 and a message.
"""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from azureml.contrib.services.aml_response import AMLResponse

__tracebackhide__ = True  # its frames do not help the author of a model
NUMBERS = {int, float}
KINDS = {bool: "a boolean", dict: "an object", float: "a number", int: "a number", list: "a list", str: "a string"}


class BadData(ValueError):
    """An error in a request's data."""


class Scorer:
    """A model and its columns. `width` is None if the model does not give their number."""

    model: Any
    names: list[str]
    width: int | None
    text: set[str]
    frame: Any = None

    def load(self) -> None:
        """Read `scoring.json` beside this script, and the model that it names."""
        package = json.loads(Path(__file__).with_name("scoring.json").read_text(encoding="utf-8"))
        self.model = load_model(Path(os.environ["AZUREML_MODEL_DIR"], package["model_file"]), package.get("trusted"))
        check_model(self.model, package["model_file"])
        remembered = [str(name) for name in getattr(self.model, "feature_names_in_", ())]
        self.names = [column["name"] for column in package["columns"]] or remembered
        self.width = len(self.names) or getattr(self.model, "n_features_in_", None)
        dtypes = {column["name"]: column["dtype"] for column in package["columns"]}
        self.text = {name for name in self.names if dtypes.get(name, "object") == "object"}
        if self.text:
            import pandas as pd

            self.frame = pd.DataFrame

    def predict(self, rows: Any) -> Any:
        """The predictions for a list of rows. Raises ValueError for data that the model cannot take."""
        if not isinstance(rows, list) or not rows:
            raise BadData("data: a list of rows is expected, such as [[1, 2]]")
        if isinstance(rows[0], dict):
            rows = [self._by_name(number, row) for number, row in enumerate(rows)]
        self._check_shape(rows)
        answers = np.asarray(self.model.predict(self._frame(rows) if self.text else self._matrix(rows)))
        if answers.dtype.kind == "f" and not np.isfinite(answers).all():
            raise BadData("data: the model has no finite answer to these values")
        return answers.tolist()

    def _by_name(self, number: int, row: Any) -> list[Any]:
        if not isinstance(row, dict) or row.keys() != set(self.names):
            raise BadData(f"data[{number}]: an object with {', '.join(self.names) or 'no names'} is expected")
        return [row[name] for name in self.names]

    def _check_shape(self, rows: list[Any]) -> None:
        width = self.width or (len(rows[0]) if isinstance(rows[0], list) else 1)
        if set(map(type, rows)) == {list} and set(map(len, rows)) == {width}:
            return
        for number, row in enumerate(rows):
            if not isinstance(row, list):
                raise BadData(f"data[{number}] is {kind(row)}, not a list of values")
            if len(row) != width:
                raise BadData(f"data[{number}] has {len(row)} values, not {width}")

    def _matrix(self, rows: list[list[Any]]) -> Any:
        """The rows as a numeric array. Values are checked one by one only if something is wrong."""
        matrix = np.array(rows) if set(map(type, chain.from_iterable(rows))) <= NUMBERS else None
        if matrix is None or matrix.dtype.kind not in "if" or not np.isfinite(matrix).all():
            for number, row in enumerate(rows):
                check_numbers(row, [f"data[{number}][{place}]" for place in range(len(row))])
        return matrix

    def _frame(self, rows: list[list[Any]]) -> Any:
        """The rows as a data frame. Columns that were text, or whose type is unknown, become text."""
        columns = {}
        for name, *cells in zip(self.names, *rows, strict=True):
            is_text = name in self.text and str in map(type, cells)
            numbers = [cell for cell in cells if not isinstance(cell, str)] if is_text else cells
            check_numbers(numbers, [f"data: {name}"] * len(numbers))
            columns[name] = np.array(cells, dtype=object) if is_text else np.array(cells)
        return self.frame(columns)


def load_model(file: Path, trusted: list[str] | None) -> Any:
    """The model in a file. A file of skops is loaded with exactly the `trusted` types."""
    if trusted is None:
        return joblib.load(file)
    import skops.io

    return skops.io.load(file, trusted=trusted)


class NoModel(TypeError):
    """The file does not hold a fitted model."""


def check_model(found: Any, file: str) -> None:
    """Raise NoModel, which says what the file holds, for anything but a fitted model."""
    name = type(found).__name__
    what = ""
    if isinstance(found, type):
        what = f"{found.__name__} itself, not an object that was made with it"
    elif isinstance(found, dict) and not hasattr(found, "predict"):
        what = f"a {name} with the keys {', '.join(map(str, list(found)[:5]))}"
    elif not callable(getattr(found, "predict", None)):
        what = f"an object of {name}, which has no predict()"
    elif not is_fitted(found):
        what = f"a {name} that is not fitted"
    if what:
        raise NoModel(
            f"{file} holds {what}, and the default scoring script needs a fitted model with predict(): save the fitted"
            " model alone, or name a scoring_script under package that uses what the file holds"
        )


def is_fitted(model: Any) -> bool:
    """Whether a model is fitted. False only for an estimator of scikit-learn, or a pipeline that ends with one."""
    last = model
    while hasattr(last, "steps"):
        last = last.steps[-1][1]
    if not type(last).__module__.startswith("sklearn."):  # a class of its own may keep what it learned under any name
        return True
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(last)
    except NotFittedError:
        return False
    return True


def check_numbers(values: list[Any], names: list[str]) -> None:
    """Raise BadData for the first of `values` that is not a finite 64-bit number. `names` gives the place of each."""
    for name, value in zip(names, values, strict=True):
        if type(value) not in NUMBERS:
            raise BadData(f"{name} is {kind(value)}, not a number")
        if isinstance(value, float) and not np.isfinite(value):
            raise BadData(f"{name} is not finite")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise BadData(f"{name} is too large")


def kind(value: Any) -> str:
    """The JSON type of a value."""
    return KINDS.get(type(value), "null")


def parse(raw_data: str) -> Any:
    """The `data` of a request. Raises BadData if it is missing."""
    try:
        body = json.loads(raw_data)
    except RecursionError:
        raise BadData("the body is nested too deeply") from None
    except ValueError as error:
        raise BadData(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict) or "data" not in body:
        raise BadData('the body is expected to be an object with the key data: {"data": [[1, 2]]}')
    return body["data"]


scorer = Scorer()


def init() -> None:
    """Called once, before the first request."""
    scorer.load()


def run(raw_data: str) -> Any:
    """Called with the body of each request."""
    try:
        return scorer.predict(parse(raw_data))
    except ValueError as error:  # the model itself also reports bad data with ValueError
        return AMLResponse({"message": str(error)}, 400, json_str=True)
