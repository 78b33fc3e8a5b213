"""The scoring script that both servers run."""

import json
import os
from pathlib import Path
from typing import Any

import joblib

model: Any = None


def init() -> None:
    global model  # noqa: PLW0603 - as Azure ML's examples keep it
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))


def run(raw_data: str) -> Any:
    return model.predict(json.loads(raw_data)["data"]).tolist()
