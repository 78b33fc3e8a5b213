"""Values of scalars in YAML 1.2's core schema. A text that YAML 1.1 reads differently is reported as a problem."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date

from .words import quoted

Scalar = bool | int | float | str | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_START = frozenset("+-.0123456789")
_DATE = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})($|[Tt \t])"


class BadScalar(ValueError):
    """A scalar that cannot be read, or that YAML readers do not all read alike."""


def _special(text: str) -> Scalar:
    raise BadScalar(f"{text} is not a number that JSON has: write a finite one, or quote it")


def _octal(text: str) -> Scalar:
    raise BadScalar(f"{text} is octal or binary to some YAML readers: write it in decimal, or quote it")


def _sexagesimal(text: str) -> Scalar:
    raise BadScalar(f"{text} is a number in base 60 to some YAML readers: quote it")


def _grouped(text: str) -> Scalar:
    raise BadScalar(f"{quoted(text)} is a number to some YAML readers: write it in plain decimal, or quote it")


def _int(text: str) -> Scalar:
    if len(text) > 25 or not -(2**63) <= (number := int(text, 0)) < 2**64:
        raise BadScalar(f"an integer of more than 64 bits, {len(text)} characters long: quote it if it is text")
    return number


def _float(text: str) -> Scalar:
    number = float(text)
    if math.isinf(number):
        raise BadScalar(f"{quoted(text, 20)} is too large for a float")
    return number


# The patterns are tried in this order. Each is compiled when it is first used.
_NUMBERS: tuple[tuple[str, Callable[[str], Scalar]], ...] = (
    (r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", _int),
    (r"[-+]?0[0-9_]+|0o[0-7]+|[-+]?0b[01_]+", _octal),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", _float),
    (r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", _special),
    (r"[-+]?([1-9][0-9_]*(:[0-5]?[0-9])+|[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*)", _sexagesimal),
    (r"[-+]?(0x[0-9a-fA-F_]+|([0-9][0-9_]*\.?|\.[0-9])[0-9_]*([eE][-+]?[0-9]+)?)", _grouped),
)


def plain_scalar(text: str) -> Scalar:
    """The value of a plain scalar. Raises BadScalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text.lower() in ("yes", "no", "on", "off"):
        boolean = "true" if text.lower() in ("yes", "on") else "false"
        raise BadScalar(f'{text} is read as a boolean by YAML 1.1: write {boolean}, or "{text}" for text')
    if text[0] in _NUMBER_START:
        for pattern, read in _NUMBERS:
            if re.fullmatch(pattern, text):
                return read(text)
        _check_date(text)
    return text


def tagged_scalar(text: str, tag: str) -> Scalar:
    """The value of a scalar with a standard YAML tag, such as `int`. Raises BadScalar."""
    if tag == "str":
        return text
    value = plain_scalar(text)
    if tag == "float" and type(value) is int:
        return float(value)
    if type(value).__name__ != {"null": "NoneType"}.get(tag, tag):
        raise BadScalar(f"{quoted(text)} is not of the type that its tag !!{tag} names")
    return value


def _check_date(text: str) -> None:
    match = re.match(_DATE, text)
    if match is None:
        return
    try:
        date(*map(int, match.groups()[:3]))
    except ValueError as error:
        raise BadScalar(f"{quoted(text, 20)} is not a date ({error}): quote it if it is text") from None
