"""What a model takes in each column: missing values, text, documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from lading import BadInput
from lading_sklearn.intake import Takes, intake

HIST = HistGradientBoostingRegressor(max_iter=2)
FILLED = make_pipeline(StandardScaler(), SimpleImputer(), Ridge())


class Fill(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer from elsewhere, which has no tags of its own."""

    def fit(self, rows: Any, answers: Any = None) -> Fill:
        return self

    def transform(self, rows: Any) -> Any:
        return np.nan_to_num(rows)


def takes(model: Any, *names: str, flat: bool = False) -> list[Takes]:
    return list(intake(model, names or ("x",), flat=flat).values())


@pytest.mark.parametrize(
    "model",
    [
        HIST,
        DecisionTreeRegressor(),
        FILLED,
        make_pipeline(KNNImputer(), PolynomialFeatures(), LinearRegression()),
        make_pipeline(OrdinalEncoder(encoded_missing_value=-1), LinearRegression()),
        make_pipeline(OrdinalEncoder(), HIST),
        make_pipeline("passthrough", HIST),
        make_pipeline(Fill(), LinearRegression()),
        make_pipeline(FeatureUnion([("a", SimpleImputer()), ("b", KNNImputer())]), Ridge()),
        make_pipeline(SelectFromModel(DecisionTreeRegressor()), HIST),
        GridSearchCV(FILLED, {}, cv=2),
        TransformedTargetRegressor(FILLED),
        BaggingRegressor(FILLED, n_estimators=2),
        VotingRegressor([("a", FILLED), ("b", HIST)]),
        StackingRegressor([("a", FILLED)], cv=2),
        MultiOutputRegressor(HIST),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_that_takes_missing_values_can_be_fitted_to_them(model: Any) -> None:
    assert [each.no_missing for each in takes(model, "x", "z")] == ["", ""]
    rows, answers = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40.0)
    rows[3, 1] = np.nan
    model.fit(rows, np.column_stack([answers, answers]) if isinstance(model, MultiOutputRegressor) else answers)


@pytest.mark.parametrize(
    ("model", "refuses"),
    [
        (LinearRegression(), "LinearRegression"),
        (make_pipeline(StandardScaler(), Ridge()), "Ridge"),
        (make_pipeline(PolynomialFeatures(), SimpleImputer(), Ridge()), "PolynomialFeatures"),
        (make_pipeline(OrdinalEncoder(), Ridge()), "Ridge"),
        (make_pipeline(FeatureUnion([("a", SimpleImputer()), ("b", StandardScaler())]), Ridge()), "Ridge"),
        (make_pipeline(SimpleImputer(missing_values=-1), Ridge()), "SimpleImputer"),
        (VotingRegressor([("a", FILLED), ("b", Ridge())]), "Ridge"),
        (AdaBoostRegressor(HIST, n_estimators=2), "AdaBoostRegressor"),
        (RegressorChain(HIST), "RegressorChain"),
        (TransformedTargetRegressor(Ridge()), "Ridge"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_that_refuses_missing_values_names_the_estimator(model: Any, refuses: str) -> None:
    assert [each.no_missing for each in takes(model, "x", "z")] == [refuses] * 2
    rows, answers = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40.0)
    rows[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(rows, np.column_stack([answers, answers]) if isinstance(model, RegressorChain) else answers)


def test_each_column_of_a_column_transformer_has_its_own_way() -> None:
    steps = [
        ("filled", SimpleImputer(), ["a"]),
        ("scaled", StandardScaler(), ["b"]),
        ("coded", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["c", 3]),
        ("words", TfidfVectorizer(), "e"),
        ("left", "drop", ["f"]),
    ]
    model = make_pipeline(ColumnTransformer(steps, remainder="passthrough"), LogisticRegression())
    a, b, c, d, e, f, g = takes(model, *"abcdefg")
    assert a == Takes(no_text="SimpleImputer")
    assert b == Takes(no_missing="LogisticRegression", no_text="StandardScaler")
    assert c == d == Takes(encodes=True)
    assert e == Takes(no_missing="TfidfVectorizer", encodes=True, documents=True)
    assert f == Takes()
    assert g == Takes(no_missing="LogisticRegression", no_text="LogisticRegression")


def test_categories_of_an_estimator_and_classes_from_elsewhere_may_take_text() -> None:
    named = HistGradientBoostingClassifier(categorical_features=["x"])
    named.fit(pd.DataFrame({"x": ["a", "b"] * 30}), [0, 1] * 30)
    assert takes(named) == [Takes()]
    assert takes(make_pipeline(Fill(), Ridge()))[0].no_text == ""
    assert takes(make_pipeline(StandardScaler(), Fill(), Ridge()))[0].no_text == "StandardScaler"


@pytest.mark.parametrize(("library", "name"), [("xgboost", "XGBRegressor"), ("lightgbm", "LGBMClassifier")])
def test_a_booster_takes_missing_values_and_no_text(library: str, name: str) -> None:
    kind = getattr(pytest.importorskip(library), name)
    assert takes(kind()) == [Takes(no_text=name)]


def test_an_estimator_that_does_not_look_at_its_input_takes_anything() -> None:
    assert takes(DummyRegressor()) == [Takes()]


def test_a_search_and_a_calibration_pass_text_on() -> None:
    words = make_pipeline(HashingVectorizer(), LogisticRegression())
    for model in (words, GridSearchCV(words, {}), CalibratedClassifierCV(words)):
        assert takes(model, flat=True)[0].documents


@pytest.mark.parametrize(
    ("model", "flat", "message"),
    [
        (make_pipeline(TfidfVectorizer(), Ridge()), False, "TfidfVectorizer takes one column of text: name it without"),
        (ColumnTransformer([("t", TfidfVectorizer(), ["x"])]), False, "TfidfVectorizer takes one column of text"),
        (Ridge(), True, r"Ridge takes a table: write the column in brackets: \[x\]"),
        (ColumnTransformer([("t", StandardScaler(), "x")]), False, "StandardScaler takes a table"),
    ],
)
def test_a_series_or_a_table_is_demanded_before_the_training(model: Any, flat: bool, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        takes(model, flat=flat)
