"""The input of the model, made from a trip in the same way for the training and for a request."""

from __future__ import annotations

RUSH_HOURS = (7, 8, 9, 16, 17, 18)


def features(distance: float, hour: int) -> list[float]:
    """The columns of the model: kilometres, and those of them that are driven in the rush hour."""
    return [distance, distance * (hour in RUSH_HOURS)]
