"""Find estimators by dotted name, check them, and create them with their params."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from lading import BadInput, Json, number_of

_GRIDS = ("param_grid", "param_distributions")  # the candidates of a search, by the names of nested params

_METHODS = ("predict", "predict_proba", "decision_function")


def make_model(estimator: str | None, steps: Iterable[Mapping[str, Json]], params: Mapping[str, Json]) -> Any:
    """An unfitted estimator, or the pipeline of `steps`. Raises BadInput if it cannot be created."""
    if estimator:
        model = _made_at("", estimator, params)
    else:
        from sklearn.pipeline import Pipeline

        made = (_made_at(f"steps.{place}.", step["estimator"], step["params"]) for place, step in enumerate(steps))
        model = Pipeline([(step["name"], one) for step, one in zip(steps, made, strict=True)])
    last = model[-1] if estimator is None else model
    if not hasattr(last, "predict"):
        hint = "the last step is an estimator with predict()"
        raise BadInput(f"{type(last).__name__} cannot predict", hint=hint, option="estimator" if estimator else "steps")
    return model


def methods_of(
    estimator: str | None, steps: Iterable[Mapping[str, Json]], params: Mapping[str, Json]
) -> tuple[str, ...] | None:
    """The methods that answer rows. None if the model cannot be created here: the training says why."""
    try:
        model = make_model(estimator, steps, params)
        if any(hasattr(part, grid) for part in (model, *model.get_params().values()) for grid in _GRIDS):
            return None  # the methods of a search are those of its best candidate
        return tuple(name for name in _METHODS if hasattr(model, name))
    except Exception:  # scikit-learn can be absent, and a class checks its params in its own way
        return None


def _made_at(place: str, dotted: str, params: Mapping[str, Json]) -> Any:
    """The estimator that a place of the block names. Raises BadInput with the option that is wrong there."""
    try:
        return make_estimator(dotted, params)
    except BadInput as error:
        option = f"{place}{error.option or 'estimator'}"
        raise BadInput(error.message, hint=error.hint, option=option) from error.__cause__


def make_estimator(dotted: str, params: Mapping[str, Json]) -> Any:
    """An unfitted estimator of the class `dotted`. Raises BadInput for an unknown class or an unknown param."""
    kind = _find(dotted)
    parameters = inspect.signature(kind).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name in params:
        if name not in parameters and not open_ended:
            raise BadInput(f"{dotted} has no parameter {name}", hint=_guess(name, parameters), option=f"params.{name}")
    arguments = {name: _argument(name, value, parameters.get(name)) for name, value in params.items()}
    searched = arguments.get("estimator")
    if hasattr(searched, "get_params"):
        arguments |= {name: _with_tuples(arguments[name], searched) for name in _GRIDS if name in arguments}
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{dotted}: {error}") from error


def _argument(name: str, value: Json, parameter: inspect.Parameter | None) -> Any:
    """A param in the form that its class expects, because a manifest has neither tuples nor estimators."""
    if parameter is not None and isinstance(parameter.default, tuple) and isinstance(value, list):
        return tuple(value)
    try:
        return nested(value)
    except BadInput as error:
        raise BadInput(error.message, hint=error.hint, option=f"params.{name}") from error.__cause__


def nested(value: Json) -> Any:
    """A value in which each `{estimator: NAME}` is that estimator, and keys that show numbers or booleans are these."""
    if isinstance(value, list):
        return [nested(item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("estimator"), str) and value.keys() <= {"estimator", "params"}:
        return make_estimator(value["estimator"], value.get("params", {}))
    keys = [_key(key) for key in value]
    inner = [nested(item) for item in value.values()]
    return dict(zip(value if None in keys else keys, inner, strict=True))


def _key(text: str) -> int | float | bool | None:
    """The number or the boolean that a key shows, as a cell of a label shows it. None for other texts."""
    found = number_of(text)
    return {"true": True, "false": False}.get(text) if found is None else found


def _with_tuples(grid: Any, searched: Any) -> Any:
    """The candidates of a search, with a tuple for each list if the searched estimator has a tuple there."""
    if isinstance(grid, list):
        return [_with_tuples(one, searched) for one in grid]
    if not isinstance(grid, dict):
        return grid
    known = searched.get_params()
    return {
        name: list(map(_as_tuple, values))
        if isinstance(known.get(name), tuple) and isinstance(values, list)
        else values
        for name, values in grid.items()
    }


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _find(dotted: str) -> Any:
    module_name, _dot, name = dotted.rpartition(".")
    if not module_name:
        raise BadInput(
            f"the estimator {name} has no module", hint=f"write MODULE.{name}, as in sklearn.linear_model.Ridge"
        )
    module = _module(dotted, module_name)
    kind = getattr(module, name, None)
    if kind is None:
        raise BadInput(f"no estimator {dotted}", hint=_guess(name, _public(module), f"{module_name}."))
    if not (inspect.isclass(kind) and hasattr(kind, "fit")):
        raise BadInput(f"{dotted} is not an estimator", hint="name a class with fit()")
    return kind


def _module(dotted: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != module_name and not module_name.startswith(f"{missing}."):
            raise  # the module exists, but one of its imports does not
    parent, _dot, name = missing.rpartition(".")
    hint = _guess(name, _submodules(parent), f"{parent}.") if parent else f"install the distribution that has {missing}"
    raise BadInput(f"no estimator {dotted}: no module {missing}", hint=hint)


def _submodules(package: str) -> list[str]:
    import pkgutil

    return [module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)]


def _public(module: ModuleType) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_")]


def _guess(name: str, known: Iterable[str], prefix: str = "") -> str | None:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {prefix}{close[0]}?" if close else None
