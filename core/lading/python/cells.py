"""Give a cell of a file the type that its column has in the model, as a request needs it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..model.schema import SchemaKind

if TYPE_CHECKING:
    from ..model import Json, ModelVersion

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")  # as a training reads it
_BOOLEANS = {"true": True, "false": False}
_KINDS: dict[str, SchemaKind] = {"object": "text"}  # of a column, by its type at the training


def kinds_of(model: ModelVersion) -> dict[str, SchemaKind]:
    """The kind of each column of a model: from its schema, else from its type at the training."""
    recorded = {column.name: _KINDS.get(column.dtype, "") for column in model.columns}
    known = model.schema.columns if model.schema else ()
    return recorded | {column.name: column.kind for column in known if column.kind or column.name not in recorded}


def from_text(text: str, kind: SchemaKind) -> Json:
    """A cell of text as a value of its column. An empty cell is a missing value."""
    return _READERS.get(kind, _value)(text) if text else None


def from_value(cell: Any, kind: SchemaKind) -> Json:
    """A cell of Parquet as a value of its column: times are text, and NaN is a missing value."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if kind in ("text", "category") and isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, bool | int | float | list | dict):
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


_READERS: dict[SchemaKind, Callable[[str], Json]] = {
    "text": str,
    "category": str,
    "date": str,
    "number": _number,
    "integer": _number,
}
