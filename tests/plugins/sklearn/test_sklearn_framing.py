"""A model gets a data frame if it looks for its columns by name, also if all of them are numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.sklearn.test_sklearn_tables_trained import fit

from lading_sklearn.measuring import read_rows
from lading_sklearn.options import Step

SCALER = {"estimator": "sklearn.preprocessing.StandardScaler"}
RIDGE: dict[str, Any] = {"name": "model", "estimator": "sklearn.linear_model.Ridge", "params": {}}
OWN = """\
from sklearn.base import BaseEstimator, TransformerMixin

class Named(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.assign(double=2 * X["size"])

class Placed(Named):
    def transform(self, X):
        return X[:, [0]] * 2

class Rule(BaseEstimator):
    def fit(self, X, y):
        self.factor_ = 3
        return self

    def predict(self, X):
        return X[:, 0] * self.factor_

class Either(Rule):
    def predict(self, X):
        return [row[0] * self.factor_ for row in X]  # the rows of an array, and the names of a data frame
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "framed_steps.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "framed_steps", raising=False)
    file = tmp_path / "a.csv"
    file.write_text("size,zone,y\n" + "".join(f"{n},{n % 3},{2 * n}\n" for n in range(40)))
    return file


def columns(*chosen: Any) -> dict[str, Any]:
    return {
        "name": "columns",
        "estimator": "sklearn.compose.ColumnTransformer",
        "params": {"transformers": [[f"part{n}", SCALER, names] for n, names in enumerate(chosen)]},
    }


def own(name: str) -> dict[str, Any]:
    return {"name": "own", "estimator": f"framed_steps.{name}", "params": {}}


HIST: dict[str, Any] = {"name": "model", "estimator": "sklearn.ensemble.HistGradientBoostingRegressor"}
STEPS: list[tuple[list[dict[str, Any]], bool]] = [
    ([columns(["size", "zone"]), RIDGE], True),
    ([columns([0], ["zone"]), RIDGE], True),
    ([columns([0, 1]), RIDGE], False),
    ([{**HIST, "params": {"categorical_features": ["zone"]}}], True),
    ([{**HIST, "params": {"monotonic_cst": {"size": 1}}}], True),
    ([{**HIST, "params": {}}], False),
    ([own("Named"), RIDGE], True),
    ([own("Placed"), RIDGE], False),
    ([own("Rule")], False),
    ([own("Either")], False),
    ([columns([0, 1]) | {"name": "zone"}, RIDGE], False),
]


@pytest.mark.parametrize(("steps", "is_framed"), STEPS)
def test_a_table_of_numbers_is_a_data_frame_for_a_model_that_names_columns(
    data: Path, steps: list[dict[str, Any]], is_framed: bool
) -> None:
    fitted = fit(data=data, features=("size", "zone"), label="y", steps=tuple(Step(**step) for step in steps))
    assert fitted.schema is not None
    assert fitted.schema.is_framed is is_framed
    assert fitted.schema.example is not None  # the model has answered it in this form
    assert fitted.warnings == ()
    evaluated = {"data": str(data), "reading": {}, "features": ["size", "zone"], "columns": [], "label": "y"}
    rows = read_rows({**evaluated, "flat": False, "split": None}, fitted.model)
    assert hasattr(rows.inputs, "iloc") is is_framed
    assert len(fitted.model.predict(rows.inputs)) == 40


def test_a_column_with_the_name_of_a_strategy_is_not_selected_by_it(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("mean,y\n" + "".join(f"{n},{2 * n}\n" for n in range(40)))
    fill: dict[str, Any] = {"name": "fill", "estimator": "sklearn.impute.SimpleImputer", "params": {"strategy": "mean"}}
    fitted = fit(data=file, features=("mean",), label="y", steps=(Step(**fill), Step(**RIDGE)))
    assert fitted.schema is not None
    assert not fitted.schema.is_framed
