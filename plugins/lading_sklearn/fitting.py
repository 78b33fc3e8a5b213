"""Declarative training: a table, a split, a fit, and its metrics."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, Json, Schema

from .cells import Reading
from .columns import Intake, read_answers
from .dates import MODULE, with_dates
from .estimators import make_model
from .framing import use_inputs
from .recording import record
from .schema import schema_of
from .table import Table, read_table

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Rows = tuple[Any, Any]
"""Rows as (inputs, answers)."""

_NUMBERED = "number the classes from 0 in the data, or encode them in a training script"
_MOST_COEFFICIENTS = 1000  # a text model has a hundred thousand, too many for a list of metrics


@dataclass(frozen=True)
class Fitted:
    """A fitted model and its facts. `metrics` and `parameters` are not JSON yet.

    `modules` are source files that scoring needs. `warnings` are for the user.
    """

    model: Any
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    columns: tuple[tuple[str, str], ...]
    label: tuple[str, str] | None = None
    samples: list[dict[str, Json]] = field(default_factory=list)
    schema: Schema | None = None
    modules: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


def fit_declared(spec: Mapping[str, Json]) -> Fitted:
    """Fit the model that the options name. Raises BadInput for invalid data or options."""
    import numpy as np

    if spec["own"]:
        sys.path.append(spec["base"])  # an installed module of the same name is found first, also when scoring
    model = make_model(spec["estimator"], spec["steps"], spec["params"])
    reading, flat = Reading.of(spec), isinstance(spec["features"], str)
    features, labels = as_list(spec["features"]), as_list(spec["label"])
    taken = Intake(model, features, reading, flat=flat)
    table = read_table(spec["data"], [*features, *labels], reading, Path(spec["base"]))
    columns, answers = taken.read(table), read_answers(table, labels, reading, regressor(model))
    model = with_dates(model, reading.dates)

    def fit(inputs: Any) -> tuple[Any, Rows, Rows | None]:
        fit_part, held_out = parts(table, inputs, answers, spec)
        model.fit(*fit_part)
        return inputs, fit_part, held_out

    try:
        inputs, fit_part, held_out = use_inputs(model, columns, fit, framed=False, flat=flat)
    except ValueError as error:
        known = taken.explained(error, table)
        if known is None and spec["own"]:
            raise  # the author of the estimator needs the traceback
        raise (known or _unfit(model, error, "estimator" if spec["estimator"] else "steps")) from error
    metrics, warnings = measured(model, fit_part, held_out)
    named = dict(zip(labels, np.atleast_2d(answers.T), strict=True))
    return Fitted(
        model,
        parameters={name: spec[name] for name in ("estimator", "test_size", "random_state") if spec[name] is not None}
        | {f"step.{step['name']}": step["estimator"] for step in spec["steps"]},
        metrics=metrics | coefficients(model, features),
        columns=tuple((name, _dtype(column)) for name, column in columns.items()),
        label=(labels[0], _dtype(answers)) if len(labels) == 1 else None,
        samples=record(model, inputs, spec["samples"]) if spec["samples"] else [],
        schema=replace(schema_of(model, columns, inputs, named, taken.booleans(table, columns)), **reading.forms()),
        modules=(*((MODULE,) if reading.dates else ()), *(own for own in map(Path, spec["own"]) if own.is_file())),
        warnings=warnings,
    )


def _unfit(model: Any, error: ValueError, option: str) -> BadInput:
    """The failure of a fit, in the words of the library: the first line, and the last one if tracebacks are inside."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = " ".join((lines[0], lines[-1])) if any(line.startswith("Traceback") for line in lines) else lines[0]
    hint = _NUMBERED if "Invalid classes inferred" in said else None
    return BadInput(f"{type(model).__name__} cannot be fitted to the data: {said}", hint=hint, option=option)


def as_list(names: str | Sequence[str]) -> list[str]:
    """The names of columns as a list."""
    return [names] if isinstance(names, str) else list(names)


def _dtype(column: Array) -> str:
    """NumPy's name of a type. A request has a date as text."""
    return "object" if column.dtype.kind == "M" else column.dtype.name


def parts(table: Table, inputs: Any, answers: Any, spec: Mapping[str, Json]) -> tuple[Rows, Rows | None]:
    """The rows to fit and the held-out rows: the test rows that the data names, or those of the split."""
    if table.fitted is None:
        return split(inputs, answers, spec["test_size"], spec["random_state"])
    first = inputs.iloc if hasattr(inputs, "iloc") else inputs
    return (first[: table.fitted], answers[: table.fitted]), (first[table.fitted :], answers[table.fitted :])


def measured(model: Any, fit_part: Rows, held_out: Rows | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The metrics of a model that was just fitted, and warnings. A model that cannot be measured is kept."""
    metrics: dict[str, Any] = {}
    warnings = []
    for prefix, rows in (("train_", fit_part), ("", held_out)):
        try:
            metrics |= {f"{prefix}{name}": value for name, value in scores(model, *rows).items()} if rows else {}
        except Exception as error:  # a model can raise any exception
            which = "the rows that it was fitted to" if prefix else "the held-out rows"
            warnings.append(f"the model has no metrics, because it cannot predict {which}: {error}")
    return metrics, tuple(warnings)


def split(inputs: Any, answers: Any, test_size: float | None, random_state: int | None) -> tuple[Rows, Rows | None]:
    """The rows to fit and the held-out rows, each as (inputs, answers). Without a test size, no rows are held out."""
    if test_size is None:
        return (inputs, answers), None
    from sklearn.model_selection import train_test_split

    try:
        parts = train_test_split(inputs, answers, test_size=test_size, random_state=random_state)
    except ValueError as error:
        raise BadInput(f"too few rows ({len(answers)}) to hold out {test_size:g} of them") from error
    fit_inputs, held_inputs, fit_answers, held_answers = parts
    return (fit_inputs, fit_answers), (held_inputs, held_answers)


def scores(model: Any, inputs: Any, answers: np.ndarray[Any, Any]) -> dict[str, float]:
    """R2, MSE and MAE of a regression; accuracy and F1 of a classification. F1 is macro-averaged with over
    two classes. Several outputs give the mean of each metric.
    """
    import numpy as np

    found = np.asarray(model.predict(inputs))
    if answers.ndim == 1:
        return _scores_of_one(model, answers, found, getattr(model, "classes_", None))
    each = [_scores_of_one(model, true, guess, None) for true, guess in zip(answers.T, found.T, strict=True)]
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def _scores_of_one(model: Any, answers: Array, found: Array, classes: Any) -> dict[str, float]:
    from sklearn import metrics

    if is_classification(model, answers):
        answers, found = answers.tolist(), found.tolist()
        labels = sorted(set(answers)) if classes is None else list(classes)
        average = {"average": "macro"} if len(labels) > 2 else {"average": "binary", "pos_label": labels[-1]}
        return {
            "accuracy": metrics.accuracy_score(answers, found),
            "f1": metrics.f1_score(answers, found, zero_division=0, **average),
        }
    errors = {"mse": metrics.mean_squared_error(answers, found), "mae": metrics.mean_absolute_error(answers, found)}
    return errors if len(answers) < 2 else {"r2": metrics.r2_score(answers, found), **errors}


def is_classification(model: Any, answers: np.ndarray[Any, Any]) -> bool:
    """Whether the answers are classes: they are text, or the model is a classifier."""
    return answers.dtype == object or _classifies(model)


def _classifies(model: Any) -> bool:
    from sklearn.base import is_classifier

    return _can_say(model) and bool(is_classifier(model))


def regressor(model: Any) -> str:
    """The name of the class of a regressor; empty for another model, or one that does not say it."""
    from sklearn.base import is_regressor

    last = model[-1] if hasattr(model, "steps") else model
    return type(last).__name__ if _can_say(model) and is_regressor(model) else ""


def _can_say(model: Any) -> bool:
    """Whether scikit-learn can ask a model for its kind."""
    from sklearn.base import BaseEstimator

    tags = "__sklearn_tags__"  # since scikit-learn 1.6; older versions have another test
    return hasattr(model, tags) or not hasattr(BaseEstimator, tags)


def coefficients(model: Any, features: list[str]) -> dict[str, Any]:
    """`intercept`, and `coef_<feature>` for each feature if the model is linear in its features; otherwise `coef`."""
    import numpy as np

    last = model[-1] if hasattr(model, "steps") else model
    found = {"intercept": last.intercept_} if isinstance(getattr(last, "intercept_", None), (float, np.ndarray)) else {}
    coef = getattr(last, "coef_", None)
    if not isinstance(coef, np.ndarray) or coef.size > _MOST_COEFFICIENTS:
        return found
    names = _names(model, features)
    if coef.size != len(names):
        return {**found, "coef": coef}
    return {**found, **{f"coef_{name}": value for name, value in zip(names, coef.ravel(), strict=True)}}


def _names(model: Any, features: list[str]) -> list[str]:
    """The names of the last step's inputs: the features, or the output of the steps before."""
    if not hasattr(model, "steps"):
        return features
    try:
        return [str(name) for name in model[:-1].get_feature_names_out(features)]
    except (AttributeError, ValueError):  # a step that does not name its outputs
        return []
