"""The loader for MLflow. It is stored with every model, so it imports nothing from Lading."""

from __future__ import annotations

from typing import Any


def _load_pyfunc(path: str) -> Any:
    import joblib

    return joblib.load(path)
