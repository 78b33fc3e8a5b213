"""Check that the answer of a hook has its declared type, and prepare it for use."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_JSON = (NoneType, bool, int, float, str, list, tuple, Mapping)


def misfit(answer: object, kind: type) -> str | None:
    """Describe the first part of a record that does not have the type that `kind` declares.

    The items of its sequences and mappings and the records in it are checked too.
    """
    try:
        return next(_misfits(answer, kind), None) if is_dataclass(kind) else None
    except RecursionError:
        return f"{kind.__name__} is nested too deeply"


def finite(answer: Any, kind: type) -> Any:
    """The record with None for each number in its mappings that is not finite, because JSON has no such number."""
    values = {field.name: getattr(answer, field.name) for field in fields(kind)} if is_dataclass(kind) else {}
    mappings = {name: _finite(value) for name, value in values.items() if isinstance(value, Mapping)}
    return replace(answer, **mappings) if mappings else answer


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    is_too_large = isinstance(value, int | float) and not abs(value) <= sys.float_info.max  # NaN is not smaller either
    return None if is_too_large else value


_hints = cache(get_type_hints)


def _misfits(answer: object, kind: Any) -> Iterator[str]:
    for field in fields(kind):
        name = f"{kind.__name__}.{field.name}"
        yield from _wrong(getattr(answer, field.name), _hints(kind)[field.name], name, str(field.type))


def _wrong(value: object, hint: Any, name: str, declared: str = "") -> Iterator[str]:
    """Describe each part of a value with a wrong type. `name` is its name in messages, `hint` its declared type."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kind = next((kind for kind in kinds if _is_a(value, kind)), None)
    if kind is None:
        yield f"{name} is {type(value).__name__}, not {declared or _words(hint)}"
    elif is_dataclass(kind):
        yield from _misfits(value, kind)
    else:
        yield from _wrong_items(value, kind, name)


def _wrong_items(value: object, kind: Any, name: str) -> Iterator[str]:
    keys, items = _item_kinds(kind)
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _wrong(key, keys, f"a key of {name}")
            yield from _wrong(item, items, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple | frozenset):
        for number, item in enumerate(value):
            yield from _wrong(item, items, f"{name}[{number}]")


def _item_kinds(kind: Any) -> tuple[Any, Any]:
    """The types of the keys and of the items of a type. Any stands for JSON."""
    found = get_args(kind)
    if not found:
        return str, Any
    return found if get_origin(kind) is Mapping else (found[0], found[0])


def _is_a(value: object, kind: Any) -> bool:
    """Whether a value is of a type, without a look at its items. A truth value is not a number."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    expected = _JSON if kind is Any else (get_origin(kind) or kind,)
    if isinstance(value, bool):
        return bool in expected
    return isinstance(value, (*expected, int) if kind is float else expected)


def _words(hint: Any) -> str:
    if hint is Any:
        return "JSON"
    return hint.__name__ if isinstance(hint, type) else str(hint)
