"""Whether a model gets its columns as a data frame or as an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from .columns import matrix

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

T = TypeVar("T")
_TAKE_ARRAYS = ("sklearn", "xgboost", "lightgbm", "lading_dates")
_NAMING = ("categorical_features", "interaction_cst", "monotonic_cst")  # params of scikit-learn, beside `transformers`


def use_inputs(model: Any, columns: Mapping[str, Array], use: Callable[[Any], T], *, framed: bool, flat: bool) -> T:
    """The result of `use` with the columns in the form that the model takes, once `use` has fitted it.

    They are a series if `flat`, and a data frame if some of them are text, if the model names one, or if `framed`. An
    estimator from elsewhere gets an array, or else a data frame: only its code shows which of them it takes.
    """
    framed = framed or _names_columns(model, list(columns))
    if framed or flat or not _has_other_estimators(model):
        return use(matrix(columns, framed=framed, flat=flat))
    for is_frame in (False, True):
        with suppress(Exception):  # an estimator can raise any exception
            inputs = matrix(columns, framed=is_frame)
            found, few = use(inputs), inputs[:2]
            if len(model.predict(few)) == len(few):
                return found
    return use(matrix(columns, framed=find_spec("pandas") is not None))  # its error is the one to report


def _names_columns(model: Any, names: Sequence[str]) -> bool:
    """Whether an estimator of the model selects columns by their names or types, or has a param that names one."""
    return any(_selects(part) or (isinstance(part, str) and part in names) for part in _inside(model))


def _selects(part: Any) -> bool:
    entries = getattr(part, "transformers", ())
    return any(_is_by_name(entry[-1]) for entry in entries if isinstance(entry, tuple | list))


def _is_by_name(chosen: Any) -> bool:
    """Whether a selection of columns, such as `"age"` or `[0, 1]`, needs their names or types."""
    if isinstance(chosen, list | tuple):
        return any(isinstance(each, str) for each in chosen)
    return isinstance(chosen, str) or callable(chosen)


def _has_other_estimators(model: Any) -> bool:
    """Whether one of the estimators is of a library, or of a module of the project, that may look for columns."""
    return any(hasattr(part, "fit") and _library(part) not in _TAKE_ARRAYS for part in _inside(model))


def _library(part: Any) -> str:
    return type(part).__module__.partition(".")[0]


def _inside(value: Any, *, may_name: bool = True) -> Iterator[Any]:
    """A value with everything inside it: the items of lists and mappings, and the params of estimators.

    Texts that cannot be the name of a column, such as the strategy of an imputer, are left out.
    """
    if may_name or not isinstance(value, str):
        yield value
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for each in value:
            yield from _inside(each, may_name=may_name)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        for name, param in value.get_params(deep=False).items():
            yield from _inside(param, may_name=_library(value) != "sklearn" or name in _NAMING)
