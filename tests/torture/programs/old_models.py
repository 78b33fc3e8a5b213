"""Make models with the scikit-learn of this environment: `old_models.py FOLDER KIND.FORMAT...`.

Beside each model is a file KIND.json with a request, and the answer in this environment.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = np.random.RandomState(0)
X = SEED.rand(60, 3).round(3)
NUMBERS = X @ [1.0, 2.0, 3.0] + 4
CLASSES = (NUMBERS.mean() < NUMBERS).astype(int)
TABLE = pd.DataFrame({"size": X[:, 0], "age": X[:, 1], "town": SEED.choice(["Rome", "Oslo", "Lima"], 60)})
TEXTS = ["good film", "bad film", "very good", "so bad"] * 15


def table() -> tuple[Any, Any, Any]:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", numbers, ["size", "age"]), ("words", words, ["town"])])
    return make_pipeline(columns, LogisticRegression()), TABLE, np.where(CLASSES, "dear", "cheap")


def grid() -> tuple[Any, Any, Any]:
    steps = make_pipeline(StandardScaler(), LogisticRegression())
    return GridSearchCV(steps, {"logisticregression__C": [0.1, 1.0]}, cv=3), X, CLASSES


KINDS: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "table": table,
    "linear": lambda: (LinearRegression(), X, NUMBERS),
    "forest": lambda: (RandomForestClassifier(10, random_state=SEED), X, CLASSES),
    "grid": grid,
    "text": lambda: (make_pipeline(TfidfVectorizer(), LogisticRegression()), TEXTS, CLASSES),
    "boosting": lambda: (GradientBoostingRegressor(n_estimators=10, random_state=0), X, NUMBERS),
    "histograms": lambda: (HistGradientBoostingClassifier(max_iter=5, random_state=0), X, CLASSES),
    "network": lambda: (MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=SEED), X, NUMBERS),
}


def make(folder: Path, name: str) -> None:
    kind, _dot, format_ = name.partition(".")
    model, inputs, outputs = KINDS[kind]()
    model.fit(inputs, outputs)
    rows = inputs[:3]
    data = rows.to_dict("records") if kind == "table" else list(rows) if kind == "text" else rows.tolist()
    if format_ == "joblib":
        joblib.dump(model, folder / name)
    else:
        (folder / name).write_bytes(pickle.dumps(model))
    made = {"request": {"data": data}, "answer": model.predict(rows).tolist()}
    (folder / f"{kind}.json").write_text(json.dumps(made))


for each in sys.argv[2:]:
    make(Path(sys.argv[1]), each)
