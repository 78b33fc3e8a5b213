"""The lines of a service's log as records: those about a request have fields, and others have a text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) (.*)", re.DOTALL)
_REQUEST = re.compile(
    r"(?P<time>\S+Z) (?P<method>\S+) (?P<path>\S+) (?P<status>\d{3}) ms=(?P<ms>\d+\.\d+) bytes=(?P<bytes>\d+)"
    r"(?: release=(?P<release>\S+))? id=(?P<id>\S+)(?: trace=(?P<trace>\S+))?"
)


def _number(text: str) -> int | str:
    """The number of a release. Other programs than Lading may give it a name."""
    return int(text) if re.fullmatch("[1-9][0-9]{0,14}", text) else text


_NUMBERS: dict[str, Callable[[str], int | float | str]] = {"status": int, "ms": float, "bytes": int, "release": _number}


def record(line: str) -> dict[str, Any]:
    """The fields of a line. A line that is an object of JSON already is kept."""
    if line.startswith("{"):
        try:
            content = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            content = None
        if isinstance(content, dict):
            return content
    if request := _REQUEST.fullmatch(line):
        fields = {name: value for name, value in request.groupdict().items() if value is not None}
        return {name: _NUMBERS[name](value) if name in _NUMBERS else value for name, value in fields.items()}
    stamped = _TIME.fullmatch(line)
    return {"time": stamped[1], "text": stamped[2]} if stamped else {"text": line}


def _finite(text: str) -> float:
    """A number of JSON. Raises ValueError for one that is too large, which would be printed as Infinity."""
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads, but which are not JSON."""
    raise ValueError(constant)
