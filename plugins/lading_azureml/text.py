"""Clean text from Azure: remove control characters, and redact the signatures in its URLs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from lading import Json

_LONGEST = 2000  # characters of one text
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_SIGNATURE = re.compile(
    r"((?:[?&;]|\\+u0026|%26|%3F)(?:sig|sv|se|st|sp)(?:=|%3D))(?:(?!\\+u0026|%26)[^&\s\"'])+", re.IGNORECASE
)
"""A part of a signature. Its `&` may be an escape of JSON, of HTML (`&amp;`) or of another URL."""


def clean(text: str) -> str:
    """The text without control characters and escape sequences, with redacted signatures and a limited length."""
    text = _SIGNATURE.sub(r"\1***", _ESCAPE.sub("", text)).replace("\r\n", "\n")
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c)[0] != "C")
    return "".join(kept).strip("\n").rstrip()[:_LONGEST]


def clean_lines(text: str) -> tuple[str, ...]:
    """The lines of a log, each cleaned."""
    return tuple(clean(line) for line in text.splitlines())


def reason(error: Mapping[str, Json]) -> str:
    """The message of an Azure error, with the details that add information."""
    details = [item for item in error.get("details") or () if isinstance(item, Mapping)]
    said: list[str] = []
    for part in (error, *details):
        message = str(part.get("message") or "").strip()
        if not any(message in earlier for earlier in said):
            said.append(message)
    return ": ".join(said)


def clean_json(value: Json) -> Json:
    """The value with every text in it cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): clean_json(item) for key, item in value.items()}
    return [clean_json(item) for item in value] if isinstance(value, list) else value
