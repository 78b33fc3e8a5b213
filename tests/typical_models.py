"""Typical projects: the manifest, the files, and requests with the answers of the library itself.

`prepare` of a project writes its files and fits the same estimator to the same rows in this process.
"""

from __future__ import annotations

import csv
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from tests.plugins.bundle.test_bundle_addresses import write_wheel

Asked = Sequence[tuple[object, object]]
"""Requests, each with the right answer."""

SEED = np.random.RandomState(0)
X = SEED.rand(60, 2).round(3)
WORTH = (X @ [3.0, 5.0] + 1).round(4)
CLASSES = np.where(WORTH > 5, "dear", "cheap")
TOWNS = SEED.choice(["Oslo", "Rome"], 60)
ROWS = [[0.1, 0.2], [0.9, 0.8]]
TEXTS = ["late again", "very late", "paid twice", "bill paid"] * 5
TOPICS = ["delivery", "delivery", "bill", "bill"] * 5


@dataclass(frozen=True)
class Typical:
    """A project without its targets. `prepare` writes its files into a folder, and returns requests with answers."""

    manifest: str
    prepare: Callable[[Path], Asked]


def _training(train: str, package: str = "{}") -> str:
    return f"version: 1\nname: typical\ntrain:\n  data: data.csv\n{train}\npackage: {package}\n"


def _write(folder: Path, **columns: Iterable[object]) -> None:
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([list(columns), *zip(*columns.values(), strict=True)])


def _numbers(folder: Path, **labels: Iterable[object]) -> None:
    _write(folder, size=X[:, 0], age=X[:, 1], **labels)


def _asked(model: Any, rows: Sequence[object] = ROWS) -> Asked:
    return [({"data": list(rows)}, model.predict(rows).tolist())]


def _table(folder: Path) -> Asked:
    sizes = ["" if place % 7 == 0 else size for place, size in enumerate(X[:, 0])]
    _write(folder, size=sizes, town=TOWNS, worth=WORTH)
    frame = pd.DataFrame({"size": pd.to_numeric(pd.Series(sizes)), "town": TOWNS.astype(object)})
    steps = [("numbers", SimpleImputer(), ["size"]), ("words", OneHotEncoder(), ["town"])]
    model = make_pipeline(ColumnTransformer(steps), Ridge()).fit(frame, WORTH)
    row, missing = {"size": 0.5, "town": "Rome"}, {"size": None, "town": "Oslo"}
    answer = model.predict(pd.DataFrame([row, {**missing, "size": np.nan}])).tolist()
    return [({"data": [row, missing]}, answer)]


def _probabilities(folder: Path) -> Asked:
    _numbers(folder, worth=CLASSES)
    model = RandomForestClassifier(n_estimators=10, random_state=0).fit(X, CLASSES)
    found = [dict(zip(model.classes_, map(float, row), strict=True)) for row in model.predict_proba(ROWS)]
    rows = {"data": ROWS}
    return [(rows, found), ({**rows, "method": "predict"}, model.predict(ROWS).tolist())]


def _text(folder: Path) -> Asked:
    _write(folder, text=TEXTS, topic=TOPICS)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, TOPICS)
    request = {"data": ["paid", "late"]}
    return [
        (request, model.predict(request["data"]).tolist()),
        ({**request, "method": "predict_proba"}, model.predict_proba(request["data"]).tolist()),
    ]


def _grid(folder: Path) -> Asked:
    _numbers(folder, worth=CLASSES)
    return _asked(GridSearchCV(LogisticRegression(), {"C": [0.01, 10.0]}, cv=3).fit(X, CLASSES))


def _outputs(folder: Path) -> Asked:
    _numbers(folder, worth=WORTH, days=WORTH * 7)
    return _asked(LinearRegression().fit(X, np.column_stack([WORTH, WORTH * 7])))


def _xgboost(folder: Path) -> Asked:
    _numbers(folder, worth=WORTH)
    library = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    return _asked(library.XGBRegressor(n_estimators=8, n_jobs=1).fit(X, WORTH))


def _lightgbm(folder: Path) -> Asked:
    import lightgbm

    _numbers(folder, worth=CLASSES)
    model = lightgbm.LGBMClassifier(n_estimators=8, n_jobs=1, verbose=-1).fit(pd.DataFrame(X), CLASSES)
    found = np.asarray(model.predict_proba(pd.DataFrame(ROWS))).tolist()
    return [({"data": ROWS, "method": "predict_proba"}, found)]


HELPER = """\
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Ratio(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.column_stack([X, np.divide(X[:, 0], X[:, 1] + 1)])
"""
TRAIN = """\
import numpy as np
from features import Ratio
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

def train(data, log):
    rows = np.loadtxt(data, delimiter=",", skiprows=1)
    return make_pipeline(Ratio(), LinearRegression()).fit(rows[:, :2], rows[:, 2])
"""


def _with_ratio(rows: Any) -> Any:
    rows = np.asarray(rows)
    return np.column_stack([rows, rows[:, 0] / (rows[:, 1] + 1)])


def _helper(folder: Path) -> Asked:
    _numbers(folder, worth=WORTH)
    (folder / "features.py").write_text(HELPER)
    (folder / "train.py").write_text(TRAIN)
    model = LinearRegression().fit(_with_ratio(X), WORTH)
    return [({"data": ROWS}, model.predict(_with_ratio(ROWS)).tolist())]


OWN = """\
from scaling import FACTOR
from sklearn.linear_model import LinearRegression

class Scaled(LinearRegression):
    def predict(self, X):
        return super().predict(X) * FACTOR
"""


def _own(folder: Path) -> Asked:
    _numbers(folder, worth=WORTH)
    (folder / "models.py").write_text(OWN)
    (folder / "scaling.py").write_text("FACTOR = 10\n")
    return [({"data": ROWS}, (LinearRegression().fit(X, WORTH).predict(ROWS) * 10).tolist())]


def _dates(folder: Path) -> Asked:
    days = pd.date_range("2024-01-01", periods=60)
    frame = pd.DataFrame({"sold": days, "size": X[:, 0], "worth": WORTH})
    frame.to_parquet(folder / "data.parquet")
    parts = np.column_stack([days.month, days.day_of_week, X[:, 0]])
    model = LinearRegression().fit(parts, WORTH)
    return [({"data": [{"sold": "2024-02-14", "size": 0.5}]}, model.predict([[2, 2, 0.5]]).tolist())]


SEVERAL = """\
import json
import pickle
from azureml.core.model import Model

def init():
    global models
    models = {name: pickle.load(open(Model.get_model_path(name), "rb")) for name in ("worth", "kind")}

def run(raw_data):
    rows = json.loads(raw_data)["data"]
    return {name: model.predict(rows).tolist() for name, model in models.items()}
"""


def _several(folder: Path) -> Asked:
    models = {"worth": LinearRegression().fit(X, WORTH), "kind": LogisticRegression().fit(X, CLASSES)}
    for name, model in models.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(model))
    (folder / "score.py").write_text(SEVERAL)
    return [({"data": ROWS}, {name: model.predict(ROWS).tolist() for name, model in models.items()})]


WHEEL = """\
import json
import os
import pickle
from thing import FACTOR

def init():
    global model
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "worth.pkl"), "rb") as file:
        model = pickle.load(file)

def run(raw_data):
    return (model.predict(json.loads(raw_data)["data"]) * FACTOR).tolist()
"""


def _wheel(folder: Path) -> Asked:
    model = LinearRegression().fit(X, WORTH)
    (folder / "worth.pkl").write_bytes(pickle.dumps(model))
    (folder / "score.py").write_text(WHEEL)
    write_wheel(folder / "dist", text="FACTOR = 3")
    return [({"data": ROWS}, (model.predict(ROWS) * 3).tolist())]


_NUMBERS = "  features: [size, age]\n  label: worth\n"
_LR = "sklearn.linear_model.LinearRegression"
TYPICAL: Mapping[str, Typical] = {
    "table": Typical(
        _training(
            "  features: [size, town]\n  label: worth\n  steps:\n    - name: columns\n"
            "      estimator: sklearn.compose.ColumnTransformer\n      params:\n        transformers:\n"
            "          - [numbers, {estimator: sklearn.impute.SimpleImputer}, [size]]\n"
            "          - [words, {estimator: sklearn.preprocessing.OneHotEncoder}, [town]]\n"
            "    - {name: model, estimator: sklearn.linear_model.Ridge}",
            "{samples: {record: 2}}",
        ),
        _table,
    ),
    "probabilities": Typical(
        _training(
            f"{_NUMBERS}  estimator: sklearn.ensemble.RandomForestClassifier\n"
            "  params: {n_estimators: 10, random_state: 0}",
            "{method: predict_proba, output: records}",
        ),
        _probabilities,
    ),
    "text": Typical(
        _training(
            "  features: text\n  label: topic\n  steps:\n"
            "    - {name: words, estimator: sklearn.feature_extraction.text.TfidfVectorizer}\n"
            "    - {name: model, estimator: sklearn.linear_model.LogisticRegression}",
        ),
        _text,
    ),
    "grid": Typical(
        _training(
            f"{_NUMBERS}  estimator: sklearn.model_selection.GridSearchCV\n  params:\n"
            "    estimator: {estimator: sklearn.linear_model.LogisticRegression}\n"
            "    param_grid: {C: [0.01, 10.0]}\n    cv: 3"
        ),
        _grid,
    ),
    "outputs": Typical(_training(f"  features: [size, age]\n  label: [worth, days]\n  estimator: {_LR}"), _outputs),
    "xgboost": Typical(
        _training(f"{_NUMBERS}  estimator: xgboost.XGBRegressor\n  params: {{n_estimators: 8, n_jobs: 1}}"), _xgboost
    ),
    "lightgbm": Typical(
        _training(
            f"{_NUMBERS}  estimator: lightgbm.LGBMClassifier\n  params: {{n_estimators: 8, n_jobs: 1, verbose: -1}}"
        ),
        _lightgbm,
    ),
    "helper": Typical(_training("  script: train.py", "{include: [features.py]}"), _helper),
    "own": Typical(
        _training(f"{_NUMBERS}  estimator: models.Scaled", "{samples: {record: 1}, include: [scaling.py]}"), _own
    ),
    "dates": Typical(
        _training(
            f"  dates: {{sold: [month, weekday]}}\n  features: [sold, size]\n  label: worth\n  estimator: {_LR}"
        ).replace("data.csv", "data.parquet"),
        _dates,
    ),
    "several": Typical(
        "version: 1\nname: typical\nregister:\n  models:\n    worth: {file: worth.pkl}\n    kind: {file: kind.pkl}\n"
        "package: {scoring_script: score.py, environment: {conda: [scikit-learn]}}\n",
        _several,
    ),
    "wheel": Typical(
        "version: 1\nname: typical\nregister: {file: worth.pkl}\npackage:\n  scoring_script: score.py\n"
        "  environment: {conda: [scikit-learn], pip: [dist/thing-1.0-py3-none-any.whl]}\n",
        _wheel,
    ),
}
