"""The rows of a request, for the default scoring script. This module lies beside it in each package that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

NUMBERS = {int, float}
WORDS = {bool: "a boolean", dict: "an object", float: "a number", int: "a number", list: "a list", str: "a string"}
TYPES: dict[str, set[type]] = {
    "number": NUMBERS,
    "boolean": {bool, *NUMBERS},
    "text": {str},
    "value": {bool, str, *NUMBERS},
}
KINDS = {"object": "value", "bool": "boolean"}  # of a column, by its type at the training
TEXTS = ("text", "category", "date")  # the kinds of a schema that a request has as text
PASSED_ON = ("steps", "transformer_list", "best_estimator_", "estimator", "estimators", "regressor")
FORMS = ("data", "input_data", "dataframe_split", "dataframe_records", "instances")


class BadData(ValueError):
    """An error in a request's data."""


class Table(NamedTuple):
    """The rows of a request, under the key `place`. The names of its columns are None if they are not given.

    `is_text` means that each row is the one text that the model takes.
    """

    rows: Any
    place: str
    method: str
    names: list[str] | None = None
    kinds: Sequence[str] = ()
    is_text: bool = False

    @property
    def has_only_numbers(self) -> bool:
        """Whether each cell is a number in the columns that take text or any value."""
        return all(
            type(cell) in NUMBERS
            for cells in self.rows
            for cell, kind in zip(cells, self.kinds, strict=True)
            if kind in ("text", "value")
        )

    def check(self, *, nulls: bool = True) -> None:
        """Raise BadData for the first cell that is not of the kind of its column."""
        for row, cells in enumerate(self.rows):
            for column, (cell, kind) in enumerate(zip(cells, self.kinds, strict=True)):
                if not (nulls and cell is None) and (wrong := problem(cell, kind)):
                    name = f"column {self.names[column]}, " if self.names else ""
                    raise BadData(f"{self.place}[{row}][{column}] {wrong} ({name}value {shown(cell)})")

    def arrays(self) -> Iterator[tuple[str, Any]]:
        """Each column as an array, with NaN for null. Raises BadData for a cell that is not of the column's kind."""
        for name, kind, *cells in zip(self.names or (), self.kinds, *self.rows, strict=True):
            types = set(map(type, cells))
            array = finite(cells, -1) if types <= NUMBERS <= TYPES[kind] else None
            if array is None and not (
                types == {str} and kind in ("text", "value")
            ):  # most columns need no look at each cell
                self.check()
            yield name, filled(cells, types, kind) if array is None else array


class Columns:
    """The columns that a model takes. `pandas` is the module if the model takes a data frame or a series."""

    def __init__(self, model: Any, recorded: list[dict[str, str]], schema: dict[str, Any]) -> None:
        remembered = {str(name): "object" for name in getattr(model, "feature_names_in_", ())}
        dtypes = {column["name"]: column["dtype"] for column in recorded} or remembered
        self.names = list(dtypes)
        self.is_text = schema.get("is_text") or any(hasattr(each, "build_analyzer") for each in first_steps(model))
        self.width = 1 if self.is_text else len(self.names) or getattr(model, "n_features_in_", 0)
        known = {column["name"]: column for column in schema.get("columns", ())}
        kinds = [kind_of(dtype, known.get(name, {})) for name, dtype in dtypes.items()]
        framed = schema.get("is_framed") or (
            not self.is_text and (not {"text", "value"}.isdisjoint(kinds) or not self.width)
        )
        self.pandas = pandas() if framed else None
        if not self.pandas:  # an array holds numbers
            kinds = ["number" if kind in ("text", "value") else kind for kind in kinds]
        self.kinds = ["text"] if self.is_text else kinds or ["number"] * self.width

    @property
    def schema(self) -> dict[str, Any]:
        """A schema with the little that the model itself shows, if no training has recorded one."""
        named = [] if self.is_text else [{"name": name, "kind": ""} for name in self.names]
        outputs = [{"name": "", "kind": "", "classes": []}]
        shape = [None, self.width] if self.width and not named and not self.is_text else []
        return {"columns": named, "is_text": self.is_text, "shape": shape, "outputs": outputs}

    def fitted(self, table: Table) -> Table:
        """The rows as lists in the order of the model's columns. Raises BadData if they do not fit."""
        rows, place, given = table.rows, table.place, table.names
        if not isinstance(rows, list) or not rows:
            raise BadData(f"{place}: a list of rows is expected, such as [[1, 2]]")
        is_text = self.is_text
        if given is None and isinstance(rows[0], dict):
            names = self._ordered(list(rows[0]), f"{place}[0]")
            rows = by_name(rows, names, place)
        else:
            if self.is_text or (not self.width and isinstance(rows[0], str)):
                rows = [[row] if isinstance(row, str) else row for row in rows]
                is_text = True
            names = self.names if given is None else self._ordered(given, place)
            check_shape(rows, self.width or len(names), place)
            if given is not None and given != names:
                rows = picked(rows, [given.index(name) for name in names])
        kinds = ["text"] if is_text else self.kinds or ["value" if names else "number"] * len(rows[0])
        return Table(rows, place, table.method, names, kinds, is_text)

    def _ordered(self, given: list[str], place: str) -> list[str]:
        """The names of a request, in the order of the model. Raises BadData if they are not those of the model."""
        if self.names:
            check_names(given, self.names, place)
        elif not given or (len(given) > 1 if self.is_text else not self.pandas):
            raise BadData(f"{place}: the model does not know columns by name: send each row as a list, [[1, 2]]")
        return self.names or given

    def inputs(self, table: Table) -> Any:
        """The rows as the model takes them: texts, a data frame, or a numeric array of shape (rows, columns)."""
        if table.is_text:
            table.check()
            texts = [row[0] for row in table.rows]
            return self.pandas.Series(texts) if self.pandas else texts
        cells = list(chain.from_iterable(table.rows))
        types = set(map(type, cells))
        matrix = finite(cells, (len(table.rows), -1)) if types <= NUMBERS and "text" not in table.kinds else None
        if not self.pandas or not table.names:
            return matrix if matrix is not None else table.check() or np.array(table.rows, dtype=float)
        if matrix is not None and len(types) == 1:
            return self.pandas.DataFrame(np.asfortranarray(matrix), columns=table.names, copy=False)
        return self.pandas.DataFrame(dict(table.arrays()))


def kind_of(dtype: str, column: dict[str, Any]) -> str:
    """The kind of the cells of a column, by its type at the training and its entry in the schema, which may be empty.

    A column of objects takes any value if the schema does not know its kind, or if it has categories of other types.
    """
    kind = column.get("kind")
    if kind == "boolean":
        return "boolean"
    if dtype == "object" and kind in TEXTS and all(isinstance(each, str) for each in column.get("categories", ())):
        return "text"
    return KINDS.get(dtype, "number")


def first_steps(model: Any) -> Iterator[Any]:
    """The estimators that get the rows unchanged: those inside pipelines, unions, searches and ensembles."""
    inner = [part for name in PASSED_ON for part in parts(name, getattr(model, name, None))]
    if not inner:
        yield model
    for part in inner:
        yield from first_steps(part)


def parts(name: str, found: Any) -> list[Any]:
    """The estimators in an attribute of a model that get its rows. Lists hold an estimator, or (name, estimator)."""
    if not isinstance(found, list):
        return [] if found is None or isinstance(found, type) else [found]
    estimators = [each[-1] if isinstance(each, tuple) else each for each in found]
    estimators = [each for each in estimators if each is not None and not isinstance(each, str)]  # "passthrough"
    return estimators[:1] if name == "steps" else estimators


def pandas() -> Any:
    """The module. None if it is not installed: then the model gets an array, in the order of its columns."""
    try:
        import pandas
    except ImportError:
        return None
    return pandas


def finite(values: list[Any], shape: Any) -> Any:
    """Numbers as an array of a shape, or None if one of them is not finite or has more than 64 bits."""
    array = np.array(values)
    return array.reshape(shape) if array.dtype.kind in "if" and np.isfinite(array).all() else None


def filled(values: Sequence[Any], types: set[type], kind: str) -> Any:
    """Cells as an array, with NaN for null."""
    if (
        kind == "number"
        or (kind == "boolean" and type(None) in types)
        or (types & NUMBERS and types <= {*NUMBERS, type(None)})
    ):
        return np.array(values, dtype=float)
    if types == {bool}:
        return np.array(values)
    return np.array([np.nan if value is None else value for value in values], dtype=object)


def problem(value: Any, kind: str) -> str:
    """The fault of a cell in a column of this kind. Empty if it has none."""
    if value is None:
        return "is null, which the model does not take"
    if type(value) not in TYPES[kind]:
        return f"is {WORDS[type(value)]}, not a {kind}"
    if isinstance(value, float) and not np.isfinite(value):
        return "is not finite"
    return "is too large" if isinstance(value, int) and not -(2**63) <= value < 2**63 else ""


def by_name(rows: list[Any], names: list[str], place: str) -> list[Any]:
    """The cells of rows that are objects, in the order of `names`. Raises BadData for a row with other names."""
    expected = set(names)
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != expected:
            check_names(list(row) if isinstance(row, dict) else [], names, f"{place}[{number}]")
    return picked(rows, names)


def picked(rows: list[Any], places: list[Any]) -> list[Any]:
    """The cells of each row at these places or under these names, in their order."""
    pick = itemgetter(*places)
    return [pick(row) for row in rows] if len(places) > 1 else [(pick(row),) for row in rows]


def check_names(given: list[str], names: list[str], place: str) -> None:
    """Raise BadData unless `given` are the same names in any order. It has the names that are wrong."""
    if len(given) != len(names) or set(given) != set(names):
        wrong = [f"missing: {name}" for name in names if name not in given]
        wrong += [f"unknown: {name}" for name in given if name not in names]
        found = "; ".join(wrong) or "a name is repeated"
        raise BadData(f"{place}: an object with {', '.join(names)} is expected; {found}")


def check_shape(rows: list[Any], width: int, place: str) -> None:
    """Raise BadData unless each row is a list of `width` values. If it is 0, the first row gives the width."""
    width = width or (len(rows[0]) if isinstance(rows[0], list) else 1)
    if set(map(type, rows)) == {list} and set(map(len, rows)) == {width}:
        return
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise BadData(f"{place}[{number}] is {WORDS.get(type(row), 'null')}, not a list of values")
        if len(row) != width:
            raise BadData(f"{place}[{number}] has {len(row)} values, not {width}")


def check_keys(content: dict[str, Any], known: tuple[str, ...], place: str) -> None:
    """Raise BadData for a key that would be ignored."""
    for name in content.keys() - set(known):
        raise BadData(f"{place} has the unknown key {name}; the known ones are {', '.join(known)}")


def shown(value: Any) -> str:
    """A value as JSON, shortened."""
    return text if len(text := json.dumps(value)) <= 60 else f"{text[:60]}…"


def parse(raw_data: str, method: str) -> Table:
    """The rows of a request. Raises BadData for a body without them, or with a key that would be ignored."""
    try:
        body = json.loads(raw_data)
    except (RecursionError, ValueError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {error}"
        raise BadData(f"the body is {why}") from None
    if type(body) is dict and body.keys() == {"data"}:
        return Table(body["data"], "data", method)
    place = next((name for name in FORMS if name in body), "") if isinstance(body, dict) else ""
    if not place:
        raise BadData('the body is expected to be an object with the key data: {"data": [[1, 2]]}')
    method, split = body.pop("method", method), ("data", "columns", "index")  # as pandas writes a data frame
    check_keys(body, split if place == "data" else (place,), "the body")
    content = body if place == "data" else body[place]
    if not isinstance(content, dict):
        return Table(content, place, method)
    if place != "data":
        check_keys(content, split, place)
        place = f"{place}.data"
    rows, names = content.get("data"), content.get("columns")
    if not isinstance(names, list | None):
        raise BadData(f"{place}: the columns beside it are a list of names")
    if not names or names == list(range(len(names))):  # a data frame without names has these
        return Table(rows, place, method)
    return Table(rows, place, method, [str(name) for name in names])
