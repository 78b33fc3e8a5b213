"""Score a scikit-learn model.

The rows of a request have one of these forms:

    {"data": [[1, 2], ...]}                            {"data": [{"x": 1, "y": 2}, ...]}
    {"columns": ["x", "y"], "data": [[1, 2], ...]}     {"data": ["a text", ...]} for a model of one text

The keys `input_data`, `dataframe_split`, `dataframe_records` and `instances` hold the same rows. `"method"` beside them
asks for `predict_proba` or `decision_function`. The answer is a list with one item per row. Wrong data in a request is
answered with 400 and a message.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from azureml.contrib.services.aml_response import AMLResponse

sys.path.append(str(Path(__file__).parent))  # some servers run this file by its path alone
from lading_rows import BadData, Columns, Table, parse, shown  # type: ignore[import-not-found]

__tracebackhide__ = True  # its frames do not help the author of a model
METHODS = ("predict", "predict_proba", "decision_function")


class Scorer:
    """A model, and the columns that it takes."""

    model: Any
    columns: Columns

    def load(self) -> None:
        """Read `scoring.json` beside this script, and the model that it names."""
        package = json.loads(Path(__file__).with_name("scoring.json").read_text(encoding="utf-8"))
        self.model = load_model(Path(os.environ["AZUREML_MODEL_DIR"], package["model_file"]), package.get("trusted"))
        check_model(self.model, package["model_file"])
        schema = package.get("schema") or {}
        self.columns = Columns(self.model, package["columns"], schema)
        self.method, self.output = package.get("method", "predict"), package.get("output", "probabilities")
        known = {name: value for name, value in schema.items() if value}
        self.schema = {**self.columns.schema, **known}
        if self.method not in self.methods:
            has = f"{package['model_file']} has {' and '.join(self.methods)}, not {self.method}"
            raise ValueError(f"{has}: choose another `method` under package")

    @property
    def methods(self) -> list[str]:
        return [name for name in METHODS if hasattr(self.model, name)]

    def check_method(self, method: Any) -> None:
        """Raise BadData if the model does not have the method."""
        if method not in self.methods:
            raise BadData(f"method: {' or '.join(self.methods)} is expected, not {shown(method)}")

    def answer(self, table: Table) -> Any:
        """The answers to the rows of a request. Raises ValueError for data that the model cannot take."""
        if table.method != self.method:
            self.check_method(table.method)
        table, call = self.columns.fitted(table), getattr(self.model, table.method)
        inputs = self.columns.inputs(table)
        try:
            return self._formed(call(inputs), table)
        except (AttributeError, LookupError, TypeError) as error:
            if not self.columns.width:  # only the model itself can say which columns it lacks
                raise BadData(f"{table.place}: the model does not take these columns: {error}") from None
            if table.is_text:
                table.check(nulls=False)
            if table.has_only_numbers:
                raise
            raise located(error, call, inputs, table) from None
        except ValueError as error:
            if isinstance(error, BadData) or "nan" in str(error).lower():
                table.check(nulls=False)
            raise error if isinstance(error, BadData) else located(error, call, inputs, table) from None

    def _formed(self, found: Any, table: Table) -> Any:
        """The answers as lists. With several outputs, a row has a list of probabilities for each."""
        if table.method != "predict_proba":
            return listed(found, table)
        outputs = found if isinstance(found, list) else [found]
        lists = [listed(output, table) for output in outputs]
        if self.output != "probabilities":
            classes = self.model.classes_ if isinstance(found, list) else [self.model.classes_]
            lists = [labelled(rows, labels.tolist(), self.output) for rows, labels in zip(lists, classes, strict=True)]
        return [list(row) for row in zip(*lists, strict=True)] if isinstance(found, list) else lists[0]


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
    """Whether a model, or the last step of a pipeline, is fitted. True for a class that does not say it."""
    last = model
    while hasattr(last, "steps"):
        last = last.steps[-1][1]
    if hasattr(last, "__sklearn_is_fitted__"):
        return bool(last.__sklearn_is_fitted__())
    if type(last).__module__.startswith("catboost."):
        return bool(last.is_fitted())
    if not type(last).__module__.startswith("sklearn."):  # a class of its own may keep what it learned under any name
        return True
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(last)
    except NotFittedError:
        return False
    return True


def listed(found: Any, table: Table) -> list[Any]:
    """Answers as lists. Raises BadData unless there is one for each row, and each is finite."""
    answers = np.asarray(found)
    if answers.shape[:1] != (len(table.rows),):
        count = len(answers) if answers.ndim else "no list of"
        raise BadData(f"{table.place}: the model has {count} answers to {len(table.rows)} rows: it takes other rows")
    if answers.dtype.kind == "f" and not np.isfinite(answers).all():
        raise BadData(f"{table.place}: the model has no finite answer to these values")
    return answers.tolist()  # type: ignore[no-any-return]


def labelled(rows: list[Any], labels: list[Any], output: str) -> list[Any]:
    """The most probable class of each row, or an object with the probability of each class."""
    if output == "classes":
        return [labels[int(np.argmax(row))] for row in rows]
    return [dict(zip(map(str, labels), row, strict=True)) for row in rows]


def located(error: Exception, call: Callable[[Any], Any], inputs: Any, table: Table) -> BadData:
    """An error of the model, with the first row that it does not take. Half of the rows are tried each time."""
    first, last = 0, len(inputs)
    while last - first > 1:
        middle = (first + last) // 2
        try:
            call(inputs[first:middle])
            first = middle
        except (AttributeError, LookupError, TypeError, ValueError) as found:
            last, error = middle, found
    cells = zip(table.names or (), table.rows[first], strict=False)
    names = [f", column {name}" for name, cell in cells if isinstance(cell, str) and repr(cell) in str(error)]
    return BadData(f"{table.place}[{first}]{names[0] if len(names) == 1 else ''}: {error}")


scorer = Scorer()


def init() -> None:
    """Called once, before the first request."""
    scorer.load()


def lading_schema() -> dict[str, Any]:
    """The schema of the model and its methods, for the server of Lading."""
    return {**scorer.schema, "method": scorer.method, "output": scorer.output, "methods": scorer.methods}


def run(raw_data: str) -> Any:
    """Called with the body of each request."""
    try:
        return scorer.answer(parse(raw_data, scorer.method))
    except ValueError as error:  # the model itself also reports bad data with ValueError
        return AMLResponse({"message": str(error)}, 400, json_str=True)
