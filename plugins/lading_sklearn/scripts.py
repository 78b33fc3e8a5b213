"""Train with a script: the user's own `train(data, log, **params)`, imported under the name of its module."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from lading import BadInput, Json, StageFailed

from .fitting import Fitted
from .options import SCRIPT_FORM
from .schema import schema_of_model

STEPS = ".steps"
"""The end of the name under which a run keeps all steps of a metric, each as [step, value]."""


def fit_script(spec: Mapping[str, Json]) -> Fitted:
    """Run the script. It returns a fitted model, or the path of the file or folder with its saved model.

    Raises BadInput for a script without `train`, and StageFailed if it returns neither. The script's own errors are
    passed on.
    """
    script = Path(spec["script"])
    train = getattr(_load(script), "train", None)
    if not callable(train):
        raise BadInput(f"{script} has no function train", hint=SCRIPT_FORM)
    log = _Log()
    model = train(_paths(spec["data"]), log, **spec["params"])
    if isinstance(model, Path):
        _check_saved(script, model)
    else:
        _check_fitted(script, model)
    return Fitted(
        model,
        parameters={"script": script.name, **{f"params.{name}": value for name, value in spec["params"].items()}},
        metrics=log.metrics,
        warnings=tuple(log.warnings()),
        columns=_columns(model),
        schema=None if isinstance(model, Path) else schema_of_model(model),
        modules=(script,),
    )


class _Log:
    """The function `log` of a script."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._steps: dict[str, list[list[Any]]] = {}

    def __call__(self, name: str, value: Any, step: int | None = None) -> None:
        self._values[str(name)] = value
        if step is not None:
            self._steps.setdefault(f"{name}{STEPS}", []).append([step, value])

    @property
    def metrics(self) -> dict[str, Any]:
        """The last value of each name, and all steps under `NAME.steps`."""
        return self._values | self._steps

    def warnings(self) -> Iterator[str]:
        """A warning for each metric that is not one value, as it cannot be compared or required, or that is lost."""
        for name, value in self._values.items():
            is_array = getattr(value, "ndim", 0) > 0
            if name in self._steps:
                yield f"the metric {name} is not kept: this is the name of the steps of {name.removesuffix(STEPS)}"
            elif is_array or isinstance(value, Mapping | list | tuple):
                kind = type(value).__name__
                yield f"the metric {name} is a {kind}: it is kept as JSON, and evaluate cannot require it"


def _load(script: Path) -> ModuleType:
    """Import a script by its own name, so that its classes are found again at scoring."""
    sys.path.insert(0, str(script.parent))
    name = script.stem
    module = importlib.import_module(name)
    if not module.__file__ or not script.samefile(module.__file__):
        raise BadInput(f"{script}: a module called {name} exists already", hint="give the script another name")
    return module


def _paths(data: Json) -> Path | dict[str, Path]:
    return Path(data) if isinstance(data, str) else {name: Path(path) for name, path in data.items()}


def _check_saved(script: Path, model: Path) -> None:
    if not model.exists():
        raise StageFailed(f"{script.name} returned the path {model}, which does not exist")
    if model.is_dir() and Path.cwd().is_relative_to(model.resolve()):
        hint = "save the model in a folder for it alone"
        raise StageFailed(f"{script.name} returned {model}, which is a work folder of the training", hint=hint)


def _check_fitted(script: Path, model: Any) -> None:
    if model is None:
        raise StageFailed(f"{script.name} returned no model", hint="end train() with `return model`")
    if not hasattr(model, "predict"):
        raise StageFailed(f"{script.name} returned a {type(model).__name__}, which cannot predict")
    if not _is_fitted(model):
        raise StageFailed(f"{script.name} returned a model that is not fitted", hint="call fit() on it")


def _is_fitted(model: Any) -> bool:
    """Whether a model is fitted. True for a class that does not say it."""
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if type(model).__module__.startswith("catboost."):  # its classes do not derive from scikit-learn's
        return bool(model.is_fitted())
    if isinstance(model, BaseEstimator):
        try:
            check_is_fitted(model)
        except NotFittedError:
            return False
    return True


def _columns(model: Any) -> tuple[tuple[str, str], ...]:
    """The columns that a fitted model remembers. Columns of a data frame have names, but the model does not keep
    dtypes.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return tuple((str(name), "object") for name in names)
    return tuple((f"x{place}", "float64") for place in range(getattr(model, "n_features_in_", 0)))
