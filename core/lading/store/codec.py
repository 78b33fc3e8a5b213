"""Conversion of records to JSON and back, by the types of their fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from ..errors import Refused, StageFailed


def to_json(value: Any) -> str:
    """Write a record, or JSON that contains records, as one line of JSON. Raises StageFailed for any other value."""
    try:
        return json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False)
    except ValueError as error:  # a number that is not finite or is very long, or a list that contains itself
        raise StageFailed(f"a value cannot be saved, as the store keeps only JSON: {error}") from error


def from_json(kind: Any, text: str) -> Any:
    """Read JSON from `to_json` as `kind`: a dataclass, a mapping or tuple of dataclasses, or `object` for any JSON.

    NaN and Infinity, which earlier versions wrote, are read as None.
    """
    return _reader(kind)(json.loads(text, parse_constant=lambda _name: None))


def from_record(kind: Any, text: str) -> Any:
    """Read a stored record. Raises Refused for JSON that `to_json` cannot have written."""
    try:
        return from_json(kind, text)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise Refused("a record in the store is damaged", hint="`lading repair` shows what it can rebuild") from error


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return vars(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise StageFailed(f"a value of type {type(value).__name__} is not JSON and cannot be kept in the store")


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    if is_dataclass(kind):
        return _record_reader(kind)
    arguments = get_args(kind)
    if NoneType in arguments:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _optional_reader(_reader(inner))
    if get_origin(kind) in _CONTAINERS:
        return _CONTAINERS[get_origin(kind)](arguments)
    return _SCALARS.get(kind, lambda value: value)


def _record_reader(kind: Any) -> Callable[[Any], Any]:
    readers = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}
    return lambda fields: kind(**{name: readers[name](value) for name, value in fields.items()})


def _optional_reader(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else inner(value)


def _tuple_reader(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    item = _reader(arguments[0])
    return lambda values: tuple(item(value) for value in values)


def _mapping_reader(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    item = _reader(arguments[1])
    return lambda values: {key: item(value) for key, value in values.items()}


_CONTAINERS: dict[Any, Callable[[tuple[Any, ...]], Callable[[Any], Any]]] = {
    tuple: _tuple_reader,
    Mapping: _mapping_reader,
}
_SCALARS: dict[Any, Callable[[Any], Any]] = {datetime: datetime.fromisoformat, Path: Path}
