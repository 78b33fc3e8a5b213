"""How often a device or a fleet is looked at."""

from __future__ import annotations

_FASTEST, _SLOWEST = 0.2, 5.0  # seconds: a hub allows some hundred reads a minute


def pause(grace: float) -> float:
    """Seconds between two looks: several within the grace, and never so many that the hub tires of them."""
    return min(_SLOWEST, max(_FASTEST, grace / 6))
