"""Whether a model gets its columns as a data frame or as an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from .columns import matrix

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

T = TypeVar("T")
_TAKE_ARRAYS = ("sklearn", "xgboost", "lightgbm", "lading_dates")


def use_inputs(model: Any, columns: Mapping[str, Array], use: Callable[[Any], T], *, framed: bool, flat: bool) -> T:
    """The result of `use` with the columns in the form that the model takes, once `use` has fitted it.

    They are a series if `flat`, and a data frame if some of them are text, if the model names one, or if `framed`. An
    estimator from elsewhere gets a data frame, or else an array: only its code shows which of them it takes.
    """
    framed = framed or _names_columns(model, list(columns))
    if framed or flat or not _has_other_estimators(model):
        return use(matrix(columns, framed=framed, flat=flat))
    for is_frame in (True, False):
        with suppress(Exception):  # an estimator can raise any exception
            inputs = matrix(columns, framed=is_frame)
            found = use(inputs)
            model.predict(inputs[:1])
            return found
    return use(matrix(columns, framed=True))  # its error is the one to report


def _names_columns(model: Any, names: Sequence[str]) -> bool:
    """Whether an estimator of the model selects columns by their names or types, or has a param that names one."""
    return any(_selects(part) or (isinstance(part, str) and part in names) for part in _inside(model))


def _selects(part: Any) -> bool:
    selections = [entry[-1] for entry in getattr(part, "transformers", ()) if isinstance(entry, tuple | list)]
    return any(
        callable(chosen) or any(isinstance(each, str) for each in ([chosen] if isinstance(chosen, str) else chosen))
        for chosen in selections
        if callable(chosen) or isinstance(chosen, str | list | tuple)
    )


def _has_other_estimators(model: Any) -> bool:
    """Whether one of the estimators is of a library, or of a module of the project, that may look for columns."""
    return any(
        hasattr(part, "fit") and type(part).__module__.partition(".")[0] not in _TAKE_ARRAYS for part in _inside(model)
    )


def _inside(value: Any) -> Iterator[Any]:
    """A value with everything inside it: the items of lists and mappings, and the params of estimators."""
    yield value
    inner: list[Any] = []
    if isinstance(value, Mapping):
        inner = [*value, *value.values()]
    elif isinstance(value, list | tuple):
        inner = list(value)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        inner = list(value.get_params(deep=False).values())
    for each in inner:
        yield from _inside(each)
