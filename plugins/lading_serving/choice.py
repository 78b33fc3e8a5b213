"""The header with which a client chooses a release, and that shows which one has answered."""

from __future__ import annotations

CHOICE = "x-lading-release"
STABLE, CANARY = "stable", "canary"

UNCOUNTED = "x-lading-uncounted"
"""The header of a request of Lading itself, such as a comparison. It is logged, but not among the scored requests."""

COPIED = "x-lading-shadow"
"""The header of a copy of a request, for which no client waits."""
