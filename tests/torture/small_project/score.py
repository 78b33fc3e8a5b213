"""A scoring script for the model of `train.py`, which is a plain pickle."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

model: Any = None


def init() -> None:
    global model  # noqa: PLW0603 - as Azure ML's scripts do
    model = pickle.loads(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib").read_bytes())


def run(raw_data: str) -> list[float]:
    answer: list[float] = model.predict(json.loads(raw_data)["data"])
    return answer
