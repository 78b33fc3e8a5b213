"""Answer {"months": NUMBER} with the price for a customer, and with whether the customer stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import joblib
from azureml.core.model import Model

state: dict[str, Any] = {}


def init() -> None:
    churn = Path(Model.get_model_path("churn"))
    state["price"] = joblib.load(Model.get_model_path("price"))
    state["churn"] = joblib.load(churn / "model.joblib")
    state["labels"] = json.loads((churn / "labels.json").read_text(encoding="utf-8"))


def run(raw_data: str) -> dict[str, Any]:
    customer = [[json.loads(raw_data)["months"]]]
    label = state["labels"][state["churn"].predict(customer)[0]]
    return {"price": round(state["price"].predict(customer)[0]), "customer": label}
