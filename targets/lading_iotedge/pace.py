"""The pause between two checks of a device or a fleet."""

from __future__ import annotations

_MIN_PAUSE, _MAX_PAUSE = 0.2, 5.0  # seconds: a hub allows a few hundred reads a minute


def pause(grace: float) -> float:
    """The seconds between two checks: several within the grace period, but not too many for the hub."""
    return min(_MAX_PAUSE, max(_MIN_PAUSE, grace / 6))
