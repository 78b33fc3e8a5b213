"""The datatypes of the Open Inference Protocol, and the values that each of them holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

_SIZES = (8, 16, 32, 64)
_WHOLE = {
    **{f"INT{size}": range(-(2 ** (size - 1)), 2 ** (size - 1)) for size in _SIZES},
    **{f"UINT{size}": range(2**size) for size in _SIZES},
}
_OTHERS: dict[str, tuple[type, ...]] = {
    "BOOL": (bool,),
    "BYTES": (str,),
    **dict.fromkeys(("FP16", "FP32", "FP64"), (int, float)),
}
KNOWN = frozenset((*_WHOLE, *_OTHERS))


def wrong_value(data: Sequence[Any], datatype: str) -> str:
    """The first value of a tensor that its datatype does not hold. Empty if it holds all.

    A null is not judged here: the model can take it as a missing value.
    """
    number = next(
        (place for place, value in enumerate(data) if value is not None and not _holds(datatype, value)), None
    )
    if number is None:
        return ""
    shown = json.dumps(data[number])[:60]
    return f"data[{number}] is {shown}, which is not a value of the datatype {datatype}"


def _holds(datatype: str, value: Any) -> bool:
    if datatype in _WHOLE:
        return type(value) is int and value in _WHOLE[datatype]
    return type(value) in _OTHERS[datatype]
