"""Access to JSON values of unknown structure."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import Json
from .records import Path_


def holds(value: Json, part: str | int) -> bool:
    """Whether a value is a mapping with this key, or a list with this index."""
    return part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))


def mapping(value: Json) -> Mapping[str, Json]:
    """The value if it is a mapping, otherwise an empty mapping."""
    return value if isinstance(value, dict) else {}


def listing(value: Json) -> list[Json]:
    """The value if it is a list, otherwise an empty list."""
    return value if isinstance(value, list) else []


def path_to(value: Json, option: str) -> Path_:
    """The path of an option that is named with dots between its parts, such as `routes.0.to`.

    A part is the index of an item in a list, and a key elsewhere. A key of the value may have dots. The path goes on
    with the parts that the value does not have.
    """
    path: list[str | int] = []
    parts = option.split(".")
    while parts:
        part, parts = _next_part(value, parts)
        value = value[part] if holds(value, part) else None
        path.append(part)
    return tuple(path)


def _next_part(value: Json, parts: list[str]) -> tuple[str | int, list[str]]:
    """The first part of a path into a value, and the rest; of the keys of a mapping the longest that fits."""
    first, *rest = parts
    if isinstance(value, list) and first.isdecimal() and first.isascii():
        return int(first), rest
    for count in range(len(parts), 1, -1) if isinstance(value, dict) else ():
        key = ".".join(parts[:count])
        if key in value:
            return key, parts[count:]
    return first, rest
