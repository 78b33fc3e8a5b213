"""Models as people train and save them: every estimator of scikit-learn, pipelines, searches and more."""

from __future__ import annotations

import string
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
from sklearn import base, compose, ensemble, feature_selection, linear_model, model_selection, pipeline, preprocessing
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.metrics import f1_score, make_scorer
from sklearn.utils import all_estimators

ROWS = 40
_RANDOM = np.random.RandomState(0)
NUMBERS = np.abs(_RANDOM.normal(size=(ROWS, 4))) + 0.01
CLASSES = np.arange(ROWS) % 2
FRAME = pd.DataFrame({"age": np.arange(ROWS) * 1.0, "city": ["Oslo", "Rome"] * (ROWS // 2)})
TEXTS = [f"word{n % 7} word{n % 3}" for n in range(ROWS)]
_NESTED: dict[str, Any] = {
    "estimator": linear_model.LogisticRegression(),
    "estimators": [("a", linear_model.LogisticRegression()), ("b", linear_model.RidgeClassifier())],
    "transformers": [("scaled", preprocessing.StandardScaler(), [0, 1])],
    "transformer_list": [("scaled", preprocessing.StandardScaler())],
    "steps": [("scaled", preprocessing.StandardScaler()), ("model", linear_model.LogisticRegression())],
    "param_grid": {"C": [0.1, 1.0]},
    "param_distributions": {"C": [0.1, 1.0]},
    "dictionary": NUMBERS[:3],
    "kernel": "rbf",
    "base_estimator": linear_model.LogisticRegression(),
}
_DATA: tuple[tuple[Any, ...], ...] = (
    (NUMBERS, CLASSES),
    (NUMBERS, NUMBERS[:, 0]),
    (NUMBERS, NUMBERS[:, :2]),
    (NUMBERS, np.column_stack([CLASSES, 1 - CLASSES])),
    (NUMBERS[:, 0], NUMBERS[:, 1]),
    (TEXTS, CLASSES),
    ([{"a": n, "b": "x"} for n in range(ROWS)],),
    ([[n % 2, n % 3] for n in range(ROWS)],),
    (CLASSES,),
)


def fitted(letters: str = string.ascii_uppercase) -> Iterator[tuple[str, Any]]:
    """Each estimator of scikit-learn whose name begins with one of the letters, fitted to data that it takes."""
    for name, found in all_estimators():
        model = constructed(found) if name[0] in letters else None
        for data in _DATA if model is not None else ():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    yield name, base.clone(model).fit(*data)
                except Exception:  # these data are not for this estimator
                    continue
            break


def constructed(found: type) -> Any:
    try:
        return found()
    except TypeError:
        needed = getattr(found, "_parameter_constraints", {}) or _NESTED
        try:
            return found(**{key: value for key, value in _NESTED.items() if key in needed and key != "kernel"})
        except TypeError:
            return None


def _frame_pipeline(*steps: Any) -> Any:
    columns = compose.make_column_transformer(
        (preprocessing.StandardScaler(), ["age"]),
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (preprocessing.FunctionTransformer(np.log1p), ["age"]),
    )
    return pipeline.make_pipeline(columns, *steps).fit(FRAME, CLASSES)


def _search(found: Callable[..., Any], parameters: Any, **more: Any) -> Any:
    model = linear_model.LogisticRegression(solver="liblinear")
    return found(model, parameters, cv=2, **more).fit(NUMBERS, CLASSES)


COMPOSED: dict[str, Callable[[], Any]] = {
    "columns of a frame": lambda: _frame_pipeline(linear_model.LogisticRegression()),
    "a forest of a frame": lambda: _frame_pipeline(ensemble.RandomForestClassifier(3, random_state=0)),
    "a frame as output": lambda: preprocessing.StandardScaler().set_output(transform="pandas").fit(FRAME[["age"]]),
    "boosting": lambda: _frame_pipeline(ensemble.HistGradientBoostingClassifier(max_iter=2)),
    "text": lambda: pipeline.make_pipeline(TfidfVectorizer(), linear_model.SGDClassifier()).fit(TEXTS, CLASSES),
    "selected columns": lambda: pipeline.make_pipeline(
        feature_selection.SelectKBest(feature_selection.mutual_info_classif, k=2), linear_model.LogisticRegression()
    ).fit(NUMBERS, CLASSES),
    "a kernel": lambda: GaussianProcessRegressor(kernels.RBF() + kernels.WhiteKernel()).fit(NUMBERS, NUMBERS[:, 0]),
    "a transformed target": lambda: compose.TransformedTargetRegressor(
        linear_model.LinearRegression(), func=np.log1p, inverse_func=np.expm1
    ).fit(NUMBERS, NUMBERS[:, 0]),
    "a grid": lambda: _search(model_selection.GridSearchCV, {"C": [0.1, 1.0]}, scoring=make_scorer(f1_score)),
    "random search": lambda: _search(
        model_selection.RandomizedSearchCV, {"C": scipy.stats.loguniform(0.1, 10)}, n_iter=2, random_state=0
    ),
    "random search of integers": lambda: _search(
        model_selection.RandomizedSearchCV, {"max_iter": scipy.stats.randint(100, 200)}, n_iter=2, random_state=0
    ),
    "a partial function": lambda: preprocessing.FunctionTransformer(partial(np.clip, a_min=0, a_max=1)).fit(NUMBERS),
    "a generator": lambda: ensemble.BaggingClassifier(random_state=np.random.RandomState(1)).fit(NUMBERS, CLASSES),
    "a calibrated model": lambda: _frame_pipeline(
        ensemble.StackingClassifier([("a", linear_model.LogisticRegression())], cv=2)
    ),
    "a model in a dictionary": lambda: {
        "model": linear_model.LinearRegression().fit(NUMBERS, NUMBERS[:, 0]),
        "columns": pd.Index(["a", "b"]),
        "trained": pd.Timestamp("2020-01-01"),
        "frame": FRAME.assign(kind=pd.Categorical(FRAME["city"]), day=pd.Timestamp("2020-01-01")),
        "mean": np.float64(1.5),
    },
}


def corpus() -> Iterator[tuple[str, Any]]:
    """All models by their names."""
    yield from fitted()
    yield from ((name, make()) for name, make in COMPOSED.items())
