"""A stand-in for CatBoost, whose wheel has 100 MB. Its estimators keep and pickle the same as those of CatBoost 1.2."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest


class CatBoostRegressor:
    def __init__(self, **params: Any) -> None:
        self._init_params = params

    def fit(self, _rows: Any, _answers: Any) -> CatBoostRegressor:
        self._is_fitted_, self._random_seed = True, 0
        return self

    def predict(self, rows: Any) -> list[float]:
        return [0.5 for _row in rows]

    def is_fitted(self) -> bool:
        return getattr(self, "_random_seed", None) is not None

    def __getstate__(self) -> dict[str, Any]:
        return {**self._init_params, **({"__model": b"CBM1"} if self.is_fitted() else {})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.pop("__model", None):
            self.fit([], [])
        self._init_params = state


def install(monkeypatch: pytest.MonkeyPatch) -> type[CatBoostRegressor]:
    """Make the module `catboost.core` importable, with its class."""
    core = ModuleType("catboost.core")
    core.CatBoostRegressor = CatBoostRegressor  # type: ignore[attr-defined]
    monkeypatch.setattr(CatBoostRegressor, "__module__", core.__name__)
    for module in (ModuleType("catboost"), core):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return CatBoostRegressor
