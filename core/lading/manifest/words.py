"""Patterns for names in a manifest, and helpers for the text of problems."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

from ..model.constraints import DURATION
from ..model.options import REQUIREMENT

SERVICE_NAME = r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$"
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$"
BLOCK_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
PLUGIN_NAME = r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,127}:)?[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""`NAME`, or `DISTRIBUTION:NAME`."""

COMPARED_MODEL = r"^(serving|registered|[A-Za-z0-9][A-Za-z0-9_.-]{0,254}:[0-9]{1,9})$"

IMPORT_NAME = r"^[^\W\d]\w*(\.[^\W\d]\w*)+$"

REFERENCE = r"\$\{"
"""The JSON Schema accepts a variable for any text with a pattern and for any choice."""

PATTERN_WORDS = {
    SERVICE_NAME: "3 to 32 lower-case letters, digits and dashes, from a letter to a letter or digit, as in Azure ML",
    MODEL_NAME: "1 to 255 letters, digits, '_', '.' and '-', starting with a letter or digit",
    BLOCK_NAME: "1 to 64 letters, digits, '_' and '-', starting with a letter",
    REQUIREMENT: 'an operator (>=, >, <=, <, ==) and a number, such as ">= 0.9"',
    COMPARED_MODEL: "serving, registered or NAME:VERSION, such as sal_model:3",
    IMPORT_NAME: "a module and a name in it, such as mylib.Scaler",
    PLUGIN_NAME: "1 to 64 letters, digits, '_', '.' and '-', starting with a letter or digit, or DISTRIBUTION:NAME",
    DURATION: "seconds, or a number with a unit, such as 90s, 10m, 2h or 1d",
}

SCHEMA_KEY = "$schema"
"""A key at the top of a manifest that only editors read: the address of the JSON Schema."""

MAX_PROBLEMS = 100
"""The limit of reported problems per kind. A malicious document can have as many problems as values."""

_MAX_COMPARED = 50


def quoted(text: str, limit: int = 60) -> str:
    """Text for a message: in double quotes, on one line, shortened."""
    short = text if len(text) <= limit else f"{text[:limit]}…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


def dotted(path: Iterable[str | int]) -> str:
    """A path in the document for a message: `targets.local.port`."""
    return ".".join(_part(str(part)) for part in path)


def _part(text: str) -> str:
    return text if text.isprintable() and len(text) <= 60 else quoted(text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` with the most similar known word. Empty if none is similar."""
    from difflib import get_close_matches

    matches = get_close_matches(word, islice(known, _MAX_COMPARED), n=1)
    return f" (did you mean {matches[0]}?)" if matches else ""


def either(choices: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
