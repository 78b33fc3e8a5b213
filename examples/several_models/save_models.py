"""Save two models, as two trainings elsewhere would: a file, and a folder."""

from __future__ import annotations

import json
from pathlib import Path

import joblib
from sklearn.linear_model import LinearRegression, LogisticRegression

joblib.dump(LinearRegression().fit([[1], [2], [3]], [110, 120, 130]), "price.joblib")
Path("churn").mkdir(exist_ok=True)
joblib.dump(LogisticRegression().fit([[1], [2], [9], [10]], [0, 0, 1, 1]), "churn/model.joblib")
Path("churn", "labels.json").write_text(json.dumps(["stays", "leaves"]), encoding="utf-8")
