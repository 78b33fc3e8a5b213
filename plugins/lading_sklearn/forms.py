"""Recognize the form of a cell that is not a plain number, and name the option or the change that helps."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

_SCRIPT = "or prepare the data in a training script"
ENCODE = (
    "encode it with sklearn.preprocessing.OneHotEncoder in a sklearn.compose.ColumnTransformer, leave it out of the "
    f"features, {_SCRIPT}"
)
_DATED = "it is a date"
_SIGN = r"[-+\u2212]?"
_GROUPED = r"\d{1,3}(?P<mark>[,. '\u2019\u00a0\u202f])(?:\d{2,3}(?P=mark))*\d{3}"
_THOUSANDS = re.compile(rf"{_SIGN}{_GROUPED}(?P<decimal>[.,]\d*)?")
_COMMA = re.compile(rf"{_SIGN}\d*,\d+(?:[eE][-+]?\d+)?")
_PLAIN = re.compile(rf"{_SIGN}\d+(?:[.,]\d+)?")
_UNIT = r"(?:[A-Z]{3}|[^\w\s.,'%()+-]{1,3}|kr|zł)"  # EUR, €, kr
_MONEY = re.compile(rf"{_UNIT}\s*(?=[-+\d(])|(?<=[\d)])\s*{_UNIT}$")
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}([ T].*)?|\d{1,2}([-/.])\d{1,2}\3\d{2,4}( .*)?")


def form_of(value: Any, column: str) -> tuple[str, str]:
    """What a cell shows instead of a plain number, and the next step. The first is empty for any other text."""
    if isinstance(value, date):  # a datetime is one too
        return _DATED, _parts_hint(column)
    if not isinstance(value, str):
        return f"a value of the type {type(value).__name__}", f"keep numbers and text in the column, {_SCRIPT}"
    if _DATE.fullmatch(value):
        before = "" if _is_read(value) else "write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, and "
        return _DATED, f"{before}{_parts_hint(column)}"
    return _amount(value) or _separated(value) or ("", ENCODE)


def _is_read(value: str) -> bool:
    """Whether the option `dates` reads a text."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _parts_hint(column: str) -> str:
    return f"`dates: {{{column}: [year, month, weekday]}}` under train gives its parts to the model"


def _amount(value: str) -> tuple[str, str] | None:
    hint = f"keep only the number in the column, and its unit in the name of the column, {_SCRIPT}"
    bare = value.strip("()").strip()
    if bare.endswith("%") and _is_number(bare[:-1].strip()):
        return "it is a percentage", hint
    without = _MONEY.sub("", bare).strip("()").strip()
    if without != value and _is_number(without):
        return "it is an amount of money", hint
    return None


def _separated(value: str) -> tuple[str, str] | None:
    grouped = _THOUSANDS.fullmatch(value)
    if grouped:
        mark, decimal = grouped["mark"], (grouped["decimal"] or "")[:1]
        mark = " " if mark.isspace() else mark
        also = ' and `decimal: ","`' if decimal == "," or mark == "." else ""
        return "it has a thousands separator", f'`thousands: "{mark}"`{also} under train reads it'
    if _COMMA.fullmatch(value):
        return "it has a decimal comma", '`decimal: ","` under train reads it'
    return None


def _is_number(text: str) -> bool:
    return any(form.fullmatch(text) for form in (_PLAIN, _THOUSANDS, _COMMA))
