"""What MLflow loads a model with; it goes with every model, and imports nothing of Lading's."""

from __future__ import annotations

from typing import Any


def _load_pyfunc(path: str) -> Any:
    import joblib

    return joblib.load(path)
