"""The salt of a store. With it, the same secret has another digest in each store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reuse import Reuse

_KEY, _STAGE = "salt", "deploy"  # the ledger has the row too, so a repair keeps it


def salt(reuse: Reuse) -> str | None:
    """The salt; None if the store has none yet."""
    found = reuse.get(_KEY)
    return found if isinstance(found, str) else None


def ensure_salt(reuse: Reuse) -> str:
    """The salt. It is made if the store has none yet."""
    known = salt(reuse)
    if known is None:
        known = os.urandom(16).hex()
        reuse.put(_KEY, _STAGE, known)
    return known
