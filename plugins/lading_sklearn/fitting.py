"""Declarative training: a table, a split, a fit, and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, Json, PluginError, Schema

from .estimators import make_model
from .recording import record
from .schema import schema_of
from .table import read_columns

if TYPE_CHECKING:
    import numpy as np

_MOST_COEFFICIENTS = 1000  # a text model has a hundred thousand, too many for a list of metrics


@dataclass(frozen=True)
class Fitted:
    """A fitted model and its facts. `metrics` and `parameters` are not JSON yet."""

    model: Any
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    columns: tuple[tuple[str, str], ...]
    label: tuple[str, str] | None = None
    samples: list[dict[str, Json]] = field(default_factory=list)
    schema: Schema | None = None


def fit_declared(spec: Mapping[str, Json]) -> Fitted:
    """Fit the model that the options name. Raises BadInput for invalid data or options."""
    model = make_model(spec["estimator"], spec["steps"], spec["params"])
    features, label = spec["features"], spec["label"]
    data = read_columns(Path(spec["data"]), [*features, label])
    columns = {name: data[name] for name in features}
    inputs, answers = matrix(columns), data[label]
    fit_part, held_out = split(inputs, answers, spec["test_size"], spec["random_state"])
    model.fit(*fit_part)
    metrics = {f"train_{name}": value for name, value in scores(model, *fit_part).items()}
    if held_out:
        metrics |= scores(model, *held_out)
    return Fitted(
        model,
        parameters={name: spec[name] for name in ("estimator", "test_size", "random_state") if spec[name] is not None}
        | {f"step.{step['name']}": step["estimator"] for step in spec["steps"]},
        metrics=metrics | coefficients(model, features),
        columns=tuple((name, data[name].dtype.name) for name in features),
        label=(label, answers.dtype.name),
        samples=record(model, inputs, spec["samples"]) if spec["samples"] else [],
        schema=schema_of(model, columns, inputs, {label: answers}),
    )


def matrix(columns: Mapping[str, np.ndarray[Any, Any]], *, framed: bool = False) -> Any:
    """The features as one numeric array, shape (rows, features). A data frame if some are text or if `framed`."""
    import numpy as np

    if not framed and all(column.dtype != object for column in columns.values()):
        return np.column_stack(list(columns.values()))
    try:
        import pandas as pd
    except ImportError:
        text = next((name for name, column in columns.items() if column.dtype == object), None)
        why = f"the column {text} is text" if text else "the model takes a data frame"
        raise PluginError(f"{why}, which needs pandas", hint="pip install 'lading[pandas]'") from None
    return pd.DataFrame(columns)


def split(inputs: Any, answers: Any, test_size: float | None, random_state: int | None) -> tuple[Any, Any]:
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
    two classes.
    """
    from sklearn import metrics

    found = model.predict(inputs)
    if is_classification(model, answers):
        labels = list(getattr(model, "classes_", sorted(set(answers.tolist()))))
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
    from sklearn.base import BaseEstimator, is_classifier

    tags = "__sklearn_tags__"  # since scikit-learn 1.6; older versions have another test
    return (hasattr(model, tags) or not hasattr(BaseEstimator, tags)) and bool(is_classifier(model))


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
