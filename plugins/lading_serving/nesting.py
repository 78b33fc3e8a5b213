"""The nesting depth of a JSON text, without parsing it."""

from __future__ import annotations

import re
from itertools import accumulate

_OPENS_JSON = re.compile(rb"\s*[\[{]")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_PAIR = b"\x01\xff"  # without the innermost pairs, a text is one level less deep
_SHALLOW = 4  # levels that most requests have at most, for which this is much faster than a sum
_NEUTRAL = bytes(set(range(256)) - set(b"[{]}"))


def nests_deeper(text: bytes, limit: int) -> bool:
    """Whether an array or object in a JSON text nests deeper than `limit`.

    The time is linear in the length of the text.

    A parser recurses once per level. So accepted texts cannot exhaust the stack of a scoring script.
    """
    if text.count(b"[") + text.count(b"{") <= limit or not _OPENS_JSON.match(text):
        return False
    escaped = b"\\" in text  # a search is much faster than a replacement of nothing
    unescaped = text.replace(rb"\\", b"").replace(rb"\"", b"") if escaped else text
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    steps = remaining = outside_strings.translate(_STEPS, _NEUTRAL)
    for _ in range(min(limit, _SHALLOW)):
        remaining = remaining.replace(_PAIR, b"")
    return bool(remaining) and max(accumulate(memoryview(steps).cast("b"), initial=0)) > limit
