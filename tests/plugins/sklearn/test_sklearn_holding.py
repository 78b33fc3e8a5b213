"""What a model file holds: an object that certainly cannot predict is named, and a fitted model never is."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.utils import all_estimators
from skops.io.exceptions import UnsupportedTypeException
from tests.plugins import catboost_kit
from tests.plugins.sklearn.honest_models import NUMBERS, constructed, fitted

from lading import InspectRequest
from lading_sklearn import lading_inspect

FITTED = LinearRegression().fit(NUMBERS, NUMBERS[:, 0])
SCALER = StandardScaler().fit(NUMBERS)
FROZEN = [kind(FITTED) for name, kind in all_estimators() if name == "FrozenEstimator"]  # since scikit-learn 1.6
NO_MODELS: dict[str, Any] = {
    "a dict with the keys model, columns": {"model": FITTED, "columns": ["x"]},
    "a dict with the keys a, b, c, d, e, …": dict.fromkeys("abcdef", FITTED),
    "a dict": {},
    "a tuple of 2 values": (FITTED, ["x"]),
    "a list": [FITTED, SCALER],
    "a set": {1, 2},
    "a text": "model",
    "a number": 7,
    "None": None,
    "a collections.OrderedDict": OrderedDict(model=FITTED),
    "a Bunch, which has no predict()": load_iris(),
    "a numpy.ndarray": np.ones((200, 3)),
    "a pandas.DataFrame": pd.DataFrame({"x": [1, 2]}),
    "a StandardScaler, which has no predict()": SCALER,
    "an OrdinalEncoder, which has no predict()": OrdinalEncoder().fit([["a"], ["b"]]),
    "LinearRegression itself, not an object that was made with it": LinearRegression,
    "a LinearRegression that is not fitted": LinearRegression(),
    "a GridSearchCV that is not fitted": GridSearchCV(LogisticRegression(), {"C": [1]}),
    "a Pipeline that ends with a LinearRegression that is not fitted": make_pipeline(SCALER, LinearRegression()),
    "a Pipeline that ends with a StandardScaler, which has no predict()": make_pipeline(SCALER),
    "a Pipeline that ends with the step passthrough": make_pipeline(SCALER, "passthrough"),
}
WITHOUT_SKOPS = ("a pandas.DataFrame", "LinearRegression itself", "None", "a collections", "a Bunch", "a dict")


BOOSTING = [("xgboost", "XGBRegressor"), ("xgboost", "XGBClassifier"), ("lightgbm", "LGBMRegressor")]


@pytest.mark.parametrize(("library", "name"), BOOSTING)
def test_a_model_of_trees_that_is_not_fitted_is_named(tmp_path: Path, library: str, name: str) -> None:
    model = getattr(pytest.importorskip(library), name)(n_estimators=2)
    for saved, words in ((model, "a"), (make_pipeline(SCALER, model), "a Pipeline that ends with a")):
        joblib.dump(saved, tmp_path / "saved.joblib")
        assert holds(tmp_path / "saved.joblib").removeprefix(words).lstrip("n") == f" {name} that is not fitted"
    model.fit(np.eye(4), [0, 1, 0, 1])
    joblib.dump(model, tmp_path / "saved.joblib")
    assert holds(tmp_path / "saved.joblib") == ""


@pytest.mark.parametrize("params", [{}, {"iterations": 2}])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_model_of_catboost_that_is_not_fitted_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], protocol: int
) -> None:
    model, file = catboost_kit.install(monkeypatch)(**params), tmp_path / "saved.pkl"
    for saved, words in ((model, "a"), (make_pipeline(SCALER, model), "a Pipeline that ends with a")):
        file.write_bytes(pickle.dumps(saved, protocol))
        assert holds(file) == f"{words} CatBoostRegressor that is not fitted"
    model.fit([[1.0]], [1.0])
    file.write_bytes(pickle.dumps(model, protocol))
    assert holds(file) == ""


class Own(BaseEstimator):  # type: ignore[misc]
    """A model of the user's own, which keeps what it has learned under any name."""

    def predict(self, rows: Any) -> Any:
        return rows


def holds(file: Path) -> str:
    contents = lading_inspect(request=InspectRequest(file=file)).contents
    assert contents is not None
    return contents.holds


@pytest.mark.parametrize("compress", [0, "gzip"])
@pytest.mark.parametrize("words", NO_MODELS)
def test_joblib_names_what_cannot_predict(tmp_path: Path, words: str, compress: Any) -> None:
    joblib.dump(NO_MODELS[words], tmp_path / "saved.joblib", compress=compress)
    assert holds(tmp_path / "saved.joblib") == words


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("words", NO_MODELS)
def test_pickle_names_what_cannot_predict(tmp_path: Path, words: str, protocol: int) -> None:
    (tmp_path / "saved.pkl").write_bytes(pickle.dumps(NO_MODELS[words], protocol))
    found = holds(tmp_path / "saved.pkl")
    assert found == words or (found == "an object of numpy" and words == "a numpy.ndarray" and protocol == 5)


@pytest.mark.parametrize("words", [words for words in NO_MODELS if not words.startswith(WITHOUT_SKOPS)])
def test_skops_names_what_cannot_predict(tmp_path: Path, words: str) -> None:
    skops.io.dump(NO_MODELS[words], tmp_path / "saved.skops")
    assert holds(tmp_path / "saved.skops") == words


def test_a_dict_of_skops(tmp_path: Path) -> None:
    skops.io.dump({"model": FITTED, "columns": ["x"]}, tmp_path / "saved.skops")
    assert holds(tmp_path / "saved.skops") == "a dict with the keys model, columns"


@pytest.mark.slow
@pytest.mark.parametrize("letters", ["AB", "CDE", "FG", "HIJK", "L", "MN", "OPQ", "R", "S", "TUVWXYZ"])
def test_each_fitted_estimator_is_named_exactly_if_it_has_no_predict(tmp_path: Path, letters: str) -> None:
    for name, model in fitted(letters):
        for file, dump in ((tmp_path / "saved.joblib", joblib.dump), (tmp_path / "saved.skops", skops.io.dump)):
            try:
                dump(model, file)
            except UnsupportedTypeException:
                continue
            if hasattr(model, "predict"):
                assert holds(file) == "", name
            elif hasattr(type(model), "predict") or name == "FrozenEstimator":  # only its parameters decide it
                continue
            else:
                assert holds(file).endswith(f"{name}, which has no predict()"), name


def test_each_estimator_that_is_not_fitted_is_named(tmp_path: Path) -> None:
    unnamed = set()
    for name, kind in all_estimators():
        model = constructed(kind)
        if model is None or not hasattr(kind, "predict"):
            continue
        joblib.dump(model, tmp_path / "saved.joblib")
        if not holds(tmp_path / "saved.joblib"):
            unnamed.add(name)
    assert unnamed == {"GaussianProcessRegressor"}  # it predicts without a fit


@pytest.mark.parametrize("model", [Own(), make_pipeline(SCALER, Own()), *FROZEN, make_pipeline(FITTED), b"bytes"])
def test_nothing_is_said_of_what_may_predict_or_is_not_known(tmp_path: Path, model: Any) -> None:
    joblib.dump(model, tmp_path / "saved.joblib")
    assert holds(tmp_path / "saved.joblib") == ""


def test_a_file_that_is_not_a_pickle_holds_nothing_that_is_known(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("a text")
    assert holds(tmp_path / "model.txt") == ""


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (FITTED, (None, 4)),
        (make_pipeline(SCALER, FITTED), (None, 4)),
        (GridSearchCV(LinearRegression(), {"fit_intercept": [True]}).fit(NUMBERS, NUMBERS[:, 0]), (None, 4)),
        (LinearRegression().fit(pd.DataFrame({"x": [1.0, 2.0]}), [1, 2]), None),
        (LinearRegression(), None),
        (Own(), None),
        ({"model": FITTED}, None),
    ],
)
def test_the_shape_of_an_input_without_names_is_known(tmp_path: Path, model: Any, shape: Any) -> None:
    joblib.dump(model, tmp_path / "saved.joblib")
    schema = lading_inspect(request=InspectRequest(file=tmp_path / "saved.joblib")).schema
    assert (schema and schema.shape) == shape


def test_an_object_that_is_its_own_part_ends(tmp_path: Path) -> None:
    search, pipeline = GridSearchCV(FITTED, {}), make_pipeline(SCALER)
    search.best_estimator_ = search
    pipeline.steps = [("itself", pipeline)]
    for model in (search, pipeline):
        (tmp_path / "saved.pkl").write_bytes(pickle.dumps(model))
        assert holds(tmp_path / "saved.pkl") == ""


def test_a_model_that_picks_columns_by_their_names_needs_pandas(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    picked = make_column_transformer((StandardScaler(), ["x"]))
    joblib.dump(make_pipeline(picked, LinearRegression()).fit(table, [1, 2, 3]), tmp_path / "saved.joblib")
    found = lading_inspect(request=InspectRequest(file=tmp_path / "saved.joblib"))
    assert found.schema is not None
    assert found.schema.is_framed
    assert found.requires == ("pandas",)
