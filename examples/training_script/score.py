"""Answer requests with the minutes of each trip: {"trips": [[distance, hour], ...]}."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import joblib
from features import features

state: dict[str, Any] = {}


def init() -> None:
    (file,) = Path(os.environ["AZUREML_MODEL_DIR"]).iterdir()
    state["model"] = joblib.load(file)


def run(raw_data: str) -> list[int]:
    trips = json.loads(raw_data)["trips"]
    minutes = state["model"].predict([features(distance, hour) for distance, hour in trips])
    return [round(each) for each in minutes.tolist()]
