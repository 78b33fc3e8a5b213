"""The header with which a client chooses a release, and that shows which one has answered."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

CHOICE = "x-lading-release"
STABLE, CANARY = "stable", "canary"

UNCOUNTED = "x-lading-uncounted"
"""The header of a request of Lading itself, such as a comparison. It is logged, but not among the scored requests."""

COUNT_MARK = "LADING_UNCOUNTED"
"""The variable with the secret value of that header. Without it, or with another value, a request is counted."""

COPIED = "x-lading-shadow"
"""The header of a copy of a request, for which no client waits."""


def is_uncounted(headers: Mapping[str, str], mark: str) -> bool:
    """Whether a request is one of Lading itself. A client that does not know `mark` could otherwise hide its errors."""
    given = headers.get(UNCOUNTED)
    return bool(mark) and given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), mark.encode())
