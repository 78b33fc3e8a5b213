"""Give a cell of a file the type that its column has in the model, as a request needs it."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..base.missing import MISSING_WORDS, NamedWords
from ..base.numerals import plain_number
from ..model.schema import Schema, SchemaKind

if TYPE_CHECKING:
    from ..model import Json, ModelVersion

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")  # as a training reads it
_BOOLEANS = {"true": True, "false": False}
_KINDS: dict[str, SchemaKind] = {"object": "text"}  # of a column, by its type at the training


@dataclass(frozen=True)
class Form:
    """The form of a file of rows: by default the usual one, and for a model that of the file of its training.

    `missing` are the words for a missing value, and `named` those among them that the manifest of the training names.
    These count in a file with types too. The other fields are for CSV. `is_stripped` says that spaces around a cell and
    the case of `nan` do not count.
    """

    missing: frozenset[str] = frozenset(("",))
    named: frozenset[str] = frozenset()
    delimiter: str = ""
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    is_stripped: bool = False

    @classmethod
    def of(cls, model: ModelVersion) -> Form:
        schema = model.schema or Schema()
        return cls(
            missing=MISSING_WORDS.union(schema.missing),
            named=frozenset(schema.missing),
            delimiter=schema.delimiter,
            decimal=schema.decimal or ".",
            thousands=schema.thousands or None,
            encoding=schema.encoding or "utf-8",
            is_stripped=any(column.kind for column in schema.columns),  # the training read cells, and not a script
        )

    @cached_property
    def without_words(self) -> Form:
        """The same form, in which only an empty cell is a missing value."""
        return replace(self, missing=USUAL.missing, named=frozenset())

    def is_missing(self, text: str) -> bool:
        """Whether a cell of text is a missing value."""
        return text in self.missing or (self.is_stripped and text.lower() == "nan") or text in self._named_words

    def is_gone(self, value: Json) -> bool:
        """Whether a value with a type is a missing value."""
        return value is None or value in self._named_words

    @cached_property
    def _named_words(self) -> NamedWords:
        return NamedWords(self.named, self.decimal, self.thousands)

    def plain(self, text: str) -> str | None:
        """A number with the usual marks. None for a text that is not a number in this form."""
        if self.decimal == "." and not self.thousands:
            return text
        plain = plain_number(text.strip(), self.decimal, self.thousands)
        return plain if plain is not None and _LOOSE_NUMBER.fullmatch(plain) else None


USUAL = Form()


def kinds_of(model: ModelVersion) -> dict[str, SchemaKind]:
    """The kind of each column of a model: from its schema, else from its type at the training.

    A script can record only `object` for a column of a data frame. So an empty kind in the schema counts.
    """
    recorded = {column.name: _KINDS.get(column.dtype, "") for column in model.columns}
    known = model.schema.columns if model.schema else ()
    return recorded | {column.name: column.kind for column in known}


def width_of(model: ModelVersion) -> int:
    """The numbers in a row of a model whose columns have no names; 0 for other models."""
    schema = model.schema or Schema()
    is_array = len(schema.shape) == 2 and not schema.columns
    return schema.shape[1] or 0 if is_array else 0


def labels_of(model: ModelVersion) -> frozenset[str]:
    """The names of the columns that a model predicts, as far as they are known."""
    outputs = model.schema.outputs if model.schema else ()
    return frozenset(filter(None, (model.label.name if model.label else "", *(output.name for output in outputs))))


def from_text(text: str, kind: SchemaKind, form: Form = USUAL) -> Json:
    """A cell of text as a value of its column."""
    text = text.strip() if form.is_stripped else text
    if form.is_missing(text):
        return None
    if kind in ("text", "category", "date"):
        return text
    plain = form.plain(text)
    if plain is None:
        return _BOOLEANS.get(text.lower(), text)
    value = _number(plain) if kind in ("number", "integer") else _value(plain)
    return text if isinstance(value, str) else value


def from_value(cell: Any, kind: SchemaKind, form: Form = USUAL) -> Json:
    """A cell with a type as a value of its column: times are text, and NaN is a missing value.

    A column of text gets each value as text, as in a training.
    """
    if form.is_gone(cell) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, list | dict):
        return cell
    if kind in ("text", "category") and isinstance(cell, str | bool | int | float):
        return str(cell)
    if isinstance(cell, bool | int | float):
        return cell
    return from_text(str(cell), kind) if kind else str(cell)


def _value(text: str) -> Json:
    """The number, the boolean or the text of a cell. A number with more digits than Python reads is text."""
    if _NUMBER.fullmatch(text):
        with suppress(ValueError):
            return json.loads(text)
    return _BOOLEANS.get(text.lower(), text)


def _number(text: str) -> Json:
    if _NUMBER.fullmatch(text) or not _LOOSE_NUMBER.fullmatch(text):
        return _value(text)
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
