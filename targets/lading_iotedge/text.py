"""Clean text from a hub or a device: no control characters, and a limited length."""

from __future__ import annotations

import unicodedata

_LONGEST = 2000


def clean(text: str) -> str:
    """The text on one line."""
    kept = (" " if c in "\n\r\t" else c for c in text if c in "\n\r\t" or unicodedata.category(c)[0] != "C")
    return "".join(kept).strip()[:_LONGEST]
