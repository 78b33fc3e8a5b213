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
_MINUS = "\u2212"  # the minus sign of typography, which Python does not read
_SIGN = r"[-+]?"
_GROUPED = r"\d{1,3}(?P<mark>[,. '\u2019\u00a0\u2009\u202f])(?:\d{2,3}(?P=mark))*\d{3}"
_THOUSANDS = re.compile(rf"{_SIGN}{_GROUPED}(?P<decimal>[.,]\d*)?")
_COMMA = re.compile(rf"{_SIGN}\d*,\d+(?:[eE][-+]?\d+)?")
_POINT = re.compile(rf"{_SIGN}\d*\.\d+(?:[eE][-+]?\d+)?")
_PLAIN = re.compile(rf"{_SIGN}\d+(?:[.,]\d+)?")
_CODES = (
    "AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KRW|MAD|MXN|MYR|NGN|NOK|"
    "NZD|PEN|PHP|PKR|PLN|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"
)
_UNIT = (
    rf"(?:[A-Z]{{0,3}}[$\u00a2-\u00a5\u20a0-\u20cf]|{_CODES}|Rs\.?|kr\.?|Fr\.?|zł|Kč|Ft|lei|R(?=\s))"  # EUR, €, US$, kr
)
_MONEY = re.compile(rf"^(?P<sign>{_SIGN}\s*){_UNIT}\s*(?=[-+\d(])|(?<=[\d)kKmMbBn])\s*{_UNIT}$")
_SCALE = re.compile(r"(?<=\d)\s?(?:[kKmMbB]|mn|bn)$")  # of $5k
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[aApP][mM])?")
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}([ T].*)?|\d{1,2}([-/.])\d{1,2}\3\d{2,4}( .*)?")


def form_of(value: Any, column: str, decimal: str = ".", thousands: str | None = None) -> tuple[str, str]:
    """What a cell shows instead of a plain number, and the next step. The first is empty for any other text.

    `decimal` and `thousands` are the marks that the manifest has. An option that excludes them is not proposed.
    """
    if isinstance(value, date):  # a datetime is one too
        return _DATED, _parts_hint(column)
    if not isinstance(value, str):
        return f"a value of the type {type(value).__name__}", f"keep numbers and text in the column, {_SCRIPT}"
    if _DATE.fullmatch(value):
        before = "" if _is_read(value) else "write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, and "
        return _DATED, f"{before}{_parts_hint(column)}"
    if _TIME.fullmatch(value):
        return "it is a time of day", f"write its hours or minutes as a number, {_SCRIPT}"
    if value.startswith(_MINUS) and _is_number(value[1:]):
        return "it has the minus sign U+2212", f"write the minus sign of the keyboard, U+002D, {_SCRIPT}"
    return _amount(value) or _separated(value, decimal, thousands) or ("", ENCODE)


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
    bare = value.strip("()").strip().replace(_MINUS, "-")
    if bare[-1:] in ("%", "‰") and _is_number(bare[:-1].strip()):
        return "it is a percentage" if bare[-1] == "%" else "it is a number of permille", hint
    without = _MONEY.sub(r"\g<sign>", bare).strip("()").strip()
    if without != bare and _is_number(_SCALE.sub("", without)):
        return "it is an amount of money", hint
    return None


def _separated(value: str, decimal: str, thousands: str | None) -> tuple[str, str] | None:
    """The form of a number with marks that the manifest does not have."""
    grouped = _THOUSANDS.fullmatch(value)
    if grouped:
        mark, point = grouped["mark"], (grouped["decimal"] or "")[:1]
        mark = " " if mark.isspace() else mark.replace("\u2019", "'")
        other = "," if mark == "." else "."
        return "it has a thousands separator", _options(
            point or (other if mark == decimal else decimal), mark, decimal, thousands
        )
    if _COMMA.fullmatch(value):
        return "it has a decimal comma", _options(",", None, decimal, thousands)
    if decimal != "." and _POINT.fullmatch(value):
        return "it has a decimal point", _options(".", None, decimal, thousands)
    return None


def _options(needed: str, group: str | None, decimal: str, thousands: str | None) -> str:
    """The options that read a number with the decimal mark `needed` and the thousands separator `group`."""
    separator = group or thousands
    is_other = decimal not in (".", needed) or (thousands or separator) != separator or separator == needed
    missing = [f'`thousands: "{group}"`'] if group and group != thousands else []
    missing += [f'`decimal: "{needed}"`'] if needed != decimal else []
    if is_other or not missing:
        return f"write the number with the marks that train has, {_SCRIPT}"
    return f"{' and '.join(missing)} under train reads it"


def _is_number(text: str) -> bool:
    return any(form.fullmatch(text) for form in (_PLAIN, _THOUSANDS, _COMMA))
