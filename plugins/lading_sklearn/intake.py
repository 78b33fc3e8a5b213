"""What a model takes in each column: missing values, text, or one text per row.

The tags of scikit-learn describe each estimator. A column passes the estimators of a pipeline one after another, until
one of them fills its missing values or encodes its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from lading import BadInput

Names = Sequence[str]

_PARTS = ("estimator", "base_estimator", "regressor", "classifier", "estimators")
_ITSELF = ("AdaBoostClassifier", "AdaBoostRegressor", "ClassifierChain", "RegressorChain")  # they check their input
_FILLS = ("OneHotEncoder", "TargetEncoder", "MissingIndicator")
_NUMBERS_ONLY = ("sklearn", "xgboost", "lightgbm")
_OPAQUE = object()  # a part of a model of which nothing is known


@dataclass(frozen=True)
class Takes:
    """What a model takes in a column.

    `no_missing` and `no_text` name the estimator that refuses missing values or text; they are empty if none does.
    `encodes` means that the model certainly takes text. `documents` means that it takes nothing but text.
    """

    no_missing: str = ""
    no_text: str = ""
    encodes: bool = False
    documents: bool = False


class _Tags(NamedTuple):
    """The tags of an estimator, in all versions of scikit-learn."""

    missing: bool
    text: bool
    table: bool
    unchecked: bool


class _Step(NamedTuple):
    """An estimator that a column passes. `flat` is true if it gets the column alone, as a series."""

    estimator: Any
    flat: bool


_Way = tuple[_Step, ...]


def intake(model: Any, names: Names, *, flat: bool) -> dict[str, Takes]:
    """What the unfitted or fitted `model` takes in each of its columns `names`. With `flat` it gets one series.

    Raises BadInput if an estimator needs a table and gets a series, or the other way round.
    """
    found = {name: _takes(name, list(_ways(model, _Given(names, name, flat)))) for name in names}
    return {name: replace(takes, encodes=takes.encodes or flat) for name, takes in found.items()}


class _Given(NamedTuple):
    """The columns that an estimator gets, and the one of interest. `names` is None if they are not known."""

    names: Names | None
    name: str
    flat: bool


def _ways(estimator: Any, given: _Given) -> Iterator[_Way]:
    """The ways of a column through an estimator."""
    if estimator is None or isinstance(estimator, str):
        yield from () if estimator == "drop" else [()]
    elif hasattr(estimator, "steps"):
        yield from _through([step for _name, step in estimator.steps], given)
    elif hasattr(estimator, "transformer_list"):
        for _name, part in estimator.transformer_list:
            yield from _ways(part, given)
    elif hasattr(estimator, "transformers") and hasattr(estimator, "remainder"):
        yield from _by_column(estimator, given)
    elif parts := _parts(estimator):
        for part in parts:
            yield from _ways(part, given)
    else:
        yield (_Step(estimator, given.flat),)


def _through(steps: Sequence[Any], given: _Given) -> Iterator[_Way]:
    if not steps:
        yield ()
        return
    for way in _ways(steps[0], given):
        following = _Given(None, given.name, False) if way else given  # a step may rename its columns
        for rest in _through(steps[1:], following):
            yield (*way, *rest)


def _by_column(estimator: Any, given: _Given) -> Iterator[_Way]:
    """The ways through a transformer of columns."""
    if given.names is None:
        yield (_Step(_OPAQUE, False),)
        return
    used = False
    for _name, part, columns in estimator.transformers:
        if _has(columns, given):
            used = True
            yield from _ways(part, given._replace(flat=isinstance(columns, str | int)))
    if not used:
        yield from _ways(estimator.remainder, given._replace(flat=False))


def _has(columns: Any, given: _Given) -> bool:
    """Whether a selection of columns, by name, by place or by mask, has the given one. A function may select any."""
    names = given.names or ()
    place = names.index(given.name)
    if callable(columns) or isinstance(columns, slice):
        return True
    listed = [columns] if isinstance(columns, str | int) else list(columns)
    if listed and all(isinstance(each, bool) for each in listed):
        return place < len(listed) and bool(listed[place])
    return any(each == given.name or (isinstance(each, int) and each % len(names) == place) for each in listed)


def _parts(estimator: Any) -> list[Any]:
    """The estimators that get the input of an estimator unchanged."""
    if _fills(estimator) or type(estimator).__name__ in _ITSELF or not hasattr(estimator, "get_params"):
        return []
    params = estimator.get_params(deep=False)
    values = [params[name] for name in _PARTS if params.get(name) is not None]
    listed = [each for value in values for each in (value if isinstance(value, list) else [value])]
    found = [each[-1] if isinstance(each, tuple | list) else each for each in listed]
    return [each for each in found if hasattr(each, "fit") and not isinstance(each, type)]


def _takes(name: str, ways: Sequence[_Way]) -> Takes:
    for way in ways:
        if way:
            _check_form(name, way[0])
    texts = [_on_text(way) for way in ways]
    return Takes(
        no_missing=next(filter(None, map(_no_missing, ways)), ""),
        no_text=next((refuses for refuses, _certain in texts if refuses), ""),
        encodes=bool(texts) and all(certain for _refuses, certain in texts),
        documents=any(_wants_documents(step.estimator) for way in ways for step in way[:1]),
    )


def _check_form(name: str, step: _Step) -> None:
    kind, tags = type(step.estimator).__name__, _tags(step.estimator)
    if _wants_documents(step.estimator) and not step.flat:
        raise BadInput(f"{kind} takes one column of text: name it without brackets: {name}", option="features")
    if step.flat and tags and tags.table and not tags.unchecked and _is_known(step.estimator):
        raise BadInput(f"{kind} takes a table: write the column in brackets: [{name}]", option="features")


def _no_missing(way: _Way) -> str:
    """The first estimator on the way that refuses missing values, before another one fills them."""
    for estimator, _flat in way:
        tags = _tags(estimator)
        if _is_own_transformer(estimator) or (tags and tags.unchecked):
            return ""
        if tags is None or not tags.missing:
            return type(estimator).__name__
        if _fills(estimator):
            return ""
    return ""


def _on_text(way: _Way) -> tuple[str, bool]:
    """The first estimator on the way that refuses text, and whether one certainly takes it."""
    for estimator, _flat in way:
        tags = _tags(estimator)
        if tags and tags.text:
            return "", True
        if tags is None or not _is_known(estimator) or _is_open(estimator, tags):
            return "", False
        if _keeps_text(estimator):
            continue
        return type(estimator).__name__, False
    return "", False


def _tags(estimator: Any) -> _Tags | None:
    """The tags of an estimator; None if it has none."""
    try:
        from sklearn.utils import get_tags
    except ImportError:  # scikit-learn before 1.6
        return _old_tags(estimator)
    try:
        tags = get_tags(estimator)
    except Exception:  # each library has its own way to be without tags
        return None
    kinds = tags.input_tags
    return _Tags(kinds.allow_nan, kinds.string or kinds.categorical, kinds.two_d_array, tags.no_validation)


def _old_tags(estimator: Any) -> _Tags | None:
    if not hasattr(estimator, "_get_tags"):
        return None
    tags = estimator._get_tags()
    kinds = set(tags["X_types"])
    text = not kinds.isdisjoint(("string", "categorical"))
    return _Tags(tags["allow_nan"], text, not kinds.isdisjoint(("2darray", "categorical")), tags["no_validation"])


def _is_known(estimator: Any) -> bool:
    return type(estimator).__module__.partition(".")[0] in _NUMBERS_ONLY


def _is_own_transformer(estimator: Any) -> bool:
    """Whether it is a transformer from elsewhere. It may fill missing values or encode text without a tag."""
    return estimator is _OPAQUE or (hasattr(estimator, "transform") and not _is_known(estimator))


def _wants_documents(estimator: Any) -> bool:
    """Whether an estimator takes nothing but text, as `TfidfVectorizer` does."""
    tags = _tags(estimator)
    return bool(tags and tags.text and not tags.table)


def takes_documents(model: Any) -> bool:
    """Whether a model takes nothing but one text per row: one of the steps that get the rows unchanged does."""
    return any(_wants_documents(way[0].estimator) for way in _ways(model, _Given(None, "", True)) if way)


def _fills(estimator: Any) -> bool:
    """Whether the output of an estimator never has a missing value."""
    kind = type(estimator)
    if kind.__name__ == "OrdinalEncoder":
        return bool(estimator.encoded_missing_value == estimator.encoded_missing_value)  # it is not NaN
    return kind.__module__.startswith("sklearn.impute") or kind.__name__ in _FILLS


def _keeps_text(estimator: Any) -> bool:
    return type(estimator).__name__ == "SimpleImputer" and estimator.strategy in ("most_frequent", "constant")


def _is_open(estimator: Any, tags: _Tags) -> bool:
    """Whether an estimator of scikit-learn may take text although its tags do not say so.

    It does not look at its input, or it encodes the columns that are named in it. XGBoost also has the first tag.
    """
    unchecked = tags.unchecked and type(estimator).__module__.startswith("sklearn.")
    return unchecked or isinstance(getattr(estimator, "categorical_features", None), list | tuple)
