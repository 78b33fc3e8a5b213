"""JSON as Python's own encoder writes it. Long lists of numbers are written by orjson, which is ten times faster."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

try:
    import orjson
except ImportError:  # the environment of a package need not have it: the text is the same
    _write_numbers = None
else:
    _write_numbers = orjson.dumps

_LONG = 32  # items, below which the check costs more than it saves
_NUMBERS = {int, float}
_WRITTEN_OTHERWISE = (b"e", b"0.0000", b"null")  # orjson begins exponents later, writes them shorter, and has no NaN


def json_text(content: Any) -> bytes:
    """The same text as that of `json.dumps`. Raises its errors."""
    if _write_numbers and type(content) is list and len(content) >= _LONG and _has_only_numbers(content):
        try:
            text = _write_numbers(content)
        except TypeError:  # an integer of more than 64 bits
            pass
        else:
            if not any(part in text for part in _WRITTEN_OTHERWISE):
                return text.replace(b",", b", ")
    return json.dumps(content).encode()


def _has_only_numbers(items: list[Any]) -> bool:
    """Whether the items, or the items of each item, are numbers."""
    types = set(map(type, items))
    return types <= _NUMBERS or (types == {list} and set(map(type, chain.from_iterable(items))) <= _NUMBERS)
