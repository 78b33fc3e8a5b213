"""The names that a manifest may give, and the words that its problems are put in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

SERVICE_NAME = r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$"
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$"
BLOCK_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
PLUGIN_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"

REFERENCE = r"\$\{"
"""In a JSON Schema: a variable may stand wherever text of a certain form, or a choice, is expected."""

PATTERN_WORDS = {
    SERVICE_NAME: "3 to 32 lower-case letters, digits and dashes, from a letter to a letter or digit, as in Azure ML",
    MODEL_NAME: "1 to 255 letters, digits, '_', '.' and '-', starting with a letter or digit",
    BLOCK_NAME: "1 to 64 letters, digits, '_' and '-', starting with a letter",
    PLUGIN_NAME: "1 to 64 letters, digits, '_', '.' and '-', starting with a letter or digit",
}

MAX_PROBLEMS = 100
"""A hostile document has as many problems as values; of each kind, no more than this are put in words."""

_MAX_COMPARED = 50


def quoted(text: str, limit: int = 60) -> str:
    """Text as a message shows it: in double quotes, on one line, shortened."""
    short = text if len(text) <= limit else f"{text[:limit]}…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


def dotted(path: Iterable[str | int]) -> str:
    """A path in the document as a message shows it: `targets.local.port`."""
    return ".".join(_part(str(part)) for part in path)


def _part(text: str) -> str:
    return text if text.isprintable() and len(text) <= 60 else quoted(text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for the nearest of the first known words, or nothing."""
    from difflib import get_close_matches

    matches = get_close_matches(word, islice(known, _MAX_COMPARED), n=1)
    return f" (did you mean {matches[0]}?)" if matches else ""


def either(choices: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
