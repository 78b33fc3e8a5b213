"""Answer requests with whether each flight is late: {"flights": [[wind, traffic], ...]}."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import lightgbm

state: dict[str, Any] = {}


def init() -> None:
    state["booster"] = lightgbm.Booster(model_file=Path(os.environ["AZUREML_MODEL_DIR"], "flights.txt"))


def run(raw_data: str) -> list[bool]:
    flights = json.loads(raw_data)["flights"]
    return [bool(chance > 0.5) for chance in state["booster"].predict(flights)]
