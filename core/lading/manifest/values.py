"""Looking into JSON values of which nothing is known yet."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import Json


def holds(value: Json, part: str | int) -> bool:
    """Whether a value is a mapping with this key, or a list with this index."""
    return part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))


def mapping(value: Json) -> Mapping[str, Json]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: Json) -> list[Json]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []
