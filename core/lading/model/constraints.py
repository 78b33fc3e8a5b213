"""Constraints on the values of options, and marks of their meaning.

They speak pydantic's protocol (`__get_pydantic_core_schema__`), which is called only when a manifest is checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

DURATION = r"^[0-9]{1,9}(\.[0-9]{1,9})?[smhd]?$"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Range:
    """Bounds of a number, for `Annotated[int, Range(ge=0)]`."""

    def __init__(
        self,
        *,
        ge: float | None = None,
        gt: float | None = None,
        le: float | None = None,
        lt: float | None = None,
    ) -> None:
        bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
        self.bounds = {name: bound for name, bound in bounds.items() if bound is not None}

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**handler(source), **self.bounds}


class Text:
    """Rules for a string: lengths, and a regular expression, `pattern`.

    As in JSON Schema, the pattern may match anywhere in the string. With ^ and $ it must match the whole string.
    """

    def __init__(self, *, pattern: str | None = None, min_length: int = 0, max_length: int | None = None) -> None:
        self.rules: dict[str, Any] = {"min_length": min_length}
        if pattern is not None:
            self.rules["pattern"] = pattern
        if max_length is not None:
            self.rules["max_length"] = max_length

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {**handler(source), **self.rules}


class Means:
    """The meaning of a number in words that plugins share. Each plugin may have another name and unit for it.

    `unit` is one unit of the option in the shared unit: `Means("seconds to score", unit=0.001)` for milliseconds. A
    plan that compares two targets uses it to find an option under its other name.
    """

    def __init__(self, what: str, *, unit: float = 1) -> None:
        self.what = what
        self.unit = unit


def in_seconds(text: str) -> float | None:
    """The seconds that a text means, as an integer if they are whole. None if the text is not a duration."""
    if not re.fullmatch(DURATION, text):
        return None
    unit = _UNITS.get(text[-1])
    # The pattern allows nine decimals. Without the rounding, 1.15m is not 69.
    seconds = round(float(text[:-1] if unit else text) * (unit or 1), 9)
    return int(seconds) if seconds.is_integer() else seconds


class Duration:
    """Marks a number of seconds that a manifest can also give as text with a unit, such as `10m`.

    It comes last: `Annotated[float, Range(gt=0), Duration()]`. The plugin receives the number, and the bounds hold for
    both forms. With `int` the text must mean whole seconds.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {
            "type": "function-before",
            "function": {"type": "no-info", "function": _number},
            "schema": handler(source),
        }

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "string", "pattern": DURATION}]}


def _number(value: Any) -> Any:
    """The seconds of a text. Raises pydantic's error of a pattern if it is not a duration."""
    from pydantic_core import PydanticKnownError

    if not isinstance(value, str):
        return value
    seconds = in_seconds(value)
    if seconds is None:
        raise PydanticKnownError("string_pattern_mismatch", {"pattern": DURATION})
    return seconds
