"""Declarative training: a table, a split, a fit, and the metrics of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, Json, PluginError

from .estimators import make_model
from .recording import record
from .table import read_columns

if TYPE_CHECKING:
    import numpy as np

_MOST_COEFFICIENTS = 1000  # a text model has a hundred thousand, which no one reads in a list of metrics


@dataclass(frozen=True)
class Fitted:
    """A fitted model and what is known of it; `metrics` and `parameters` are not JSON yet."""

    model: Any
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    columns: tuple[tuple[str, str], ...]
    label: tuple[str, str] | None = None
    samples: list[dict[str, Json]] = field(default_factory=list)


def fit_declared(spec: Mapping[str, Json]) -> Fitted:
    """Fit what the options name. Raises BadInput for data or options that cannot be."""
    model = make_model(spec["estimator"], spec["steps"], spec["params"])
    features, label = spec["features"], spec["label"]
    data = read_columns(Path(spec["data"]), [*features, label])
    inputs, answers = _matrix({name: data[name] for name in features}), data[label]
    fit_part, held_out = _split(inputs, answers, spec["test_size"], spec["random_state"])
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
    )


def _matrix(columns: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    """The features as one numeric array, shape (rows, features), or as a data frame where some are text."""
    import numpy as np

    if all(column.dtype != object for column in columns.values()):
        return np.column_stack(list(columns.values()))
    try:
        import pandas as pd
    except ImportError:
        text = next(name for name, column in columns.items() if column.dtype == object)
        raise PluginError(
            f"the column {text} is text, which needs pandas", hint="pip install 'lading[pandas]'"
        ) from None
    return pd.DataFrame(columns)


def _split(inputs: Any, answers: Any, test_size: float | None, random_state: int | None) -> tuple[Any, Any]:
    """The rows to fit and the rows held out, each as (inputs, answers); nothing is held out without a test size."""
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
    """R2, MSE and MAE of a regression; accuracy and F1 (macro where there are more than two classes) otherwise."""
    from sklearn import metrics

    found = model.predict(inputs)
    if answers.dtype == object or _classifies(model):
        labels = list(getattr(model, "classes_", sorted(set(answers.tolist()))))
        average = {"average": "macro"} if len(labels) > 2 else {"average": "binary", "pos_label": labels[-1]}
        return {
            "accuracy": metrics.accuracy_score(answers, found),
            "f1": metrics.f1_score(answers, found, zero_division=0, **average),
        }
    errors = {"mse": metrics.mean_squared_error(answers, found), "mae": metrics.mean_absolute_error(answers, found)}
    return errors if len(answers) < 2 else {"r2": metrics.r2_score(answers, found), **errors}


def _classifies(model: Any) -> bool:
    from sklearn.base import is_classifier

    return hasattr(model, "__sklearn_tags__") and bool(is_classifier(model))


def coefficients(model: Any, features: list[str]) -> dict[str, Any]:
    """`intercept` and one `coef_<feature>` each where the model is linear in its features, `coef` otherwise."""
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
    """What the last step calls its inputs: the features, or what the steps before it made of them."""
    if not hasattr(model, "steps"):
        return features
    try:
        return [str(name) for name in model[:-1].get_feature_names_out(features)]
    except (AttributeError, ValueError):  # a step that does not name what it makes
        return []
