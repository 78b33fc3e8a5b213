"""The params that people write: classes as keys, tuples in a grid, and estimators to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.plugins.sklearn.test_sklearn_tables_trained import fit

from lading_sklearn.estimators import make_estimator, nested
from lading_sklearn.options import SklearnOptions

LOGISTIC = "sklearn.linear_model.LogisticRegression"
TEXT_STEPS = [
    ["words", {"estimator": "sklearn.feature_extraction.text.TfidfVectorizer"}],
    ["model", {"estimator": LOGISTIC}],
]
PIPELINE = {"estimator": "sklearn.pipeline.Pipeline", "params": {"steps": TEXT_STEPS}}
SEARCH = "sklearn.model_selection.GridSearchCV"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "a.csv"
    rows = "".join(f"late again {n},{n},{n % 2},{n % 2 == 0}\n" for n in range(20))
    file.write_text(f"text,x,y,good\n{rows}")
    return file


@pytest.mark.parametrize(
    ("label", "weights", "expected"),
    [("y", {"0": 1, "1": 10}, {0: 1, 1: 10}), ("good", {"true": 2, "false": 1}, {True: 2, False: 1})],
)
def test_a_class_is_the_key_of_its_weight(data: Path, label: str, weights: Any, expected: Any) -> None:
    fitted = fit(data=data, features=("x",), label=label, estimator=LOGISTIC, params={"class_weight": weights})
    assert fitted.model.class_weight == expected


def test_keys_of_text_stay_text() -> None:
    for value in ({"0": 1, "a": 2}, {"size": 1}, {"C": [1.0]}):
        assert nested(value) == value


@pytest.mark.parametrize("grid", ["param_grid", "param_distributions"])
def test_a_grid_has_tuples_and_estimators(data: Path, grid: str) -> None:
    candidates = {
        "words__ngram_range": [[1, 1], [1, 2]],
        "model": [
            {"estimator": "sklearn.svm.SVC", "params": {"gamma": 1.0}},
            {"estimator": LOGISTIC, "params": {"C": 2.0}},
        ],
    }
    search = SEARCH if grid == "param_grid" else "sklearn.model_selection.RandomizedSearchCV"
    params = {"estimator": PIPELINE, grid: candidates, "cv": 2} | ({} if grid == "param_grid" else {"n_iter": 2})
    fitted = fit(data=data, features="text", label="y", estimator=search, params=params)
    assert getattr(fitted.model, grid)["words__ngram_range"] == [(1, 1), (1, 2)]
    assert fitted.model.predict(["late again"]).shape == (1,)


def test_a_list_of_grids(data: Path) -> None:
    grids = [{"words__ngram_range": [[1, 2]], "model__class_weight": [{"0": 1, "1": 2}, "balanced"]}, {"model__C": [1]}]
    model = make_estimator(SEARCH, {"estimator": PIPELINE, "param_grid": grids})
    assert model.param_grid == [
        {"words__ngram_range": [(1, 2)], "model__class_weight": [{0: 1, 1: 2}, "balanced"]}, {"model__C": [1]},
    ]  # fmt: skip


def test_the_libraries_of_candidates_are_known(data: Path) -> None:
    grid = {"model": [{"estimator": "xgboost.XGBClassifier"}]}
    options = SklearnOptions(
        data=data, features="text", label="y", estimator=SEARCH, params={"estimator": PIPELINE, "param_grid": grid}
    )
    assert options.model_imports is not None
    assert "xgboost" in options.model_imports
