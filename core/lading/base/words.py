"""The words of an answer that is not JSON. A proxy or a server can send a web page."""

from __future__ import annotations

import re
from html import unescape

_READ = 8192  # characters: the words that explain an error come early
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>?", re.IGNORECASE | re.DOTALL)


def plain_words(text: str) -> str:
    """A text without markup. Of a web page, its title or its first sentence; any other text is not changed."""
    if text.lstrip()[:1] != "<":
        return text
    head = text[:_READ]
    title = _TITLE.search(head)
    words = " ".join(unescape(_MARKUP.sub(" ", title[1] if title else head)).split())
    return words.partition(". ")[0] or "a web page without text"
