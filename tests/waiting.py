"""Waits for expected events. They return at once after the event, and fail so late that no machine is too slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT = 240.0
"""Seconds that a test waits for a process, an answer or a condition. Working code needs much less."""


def eventually(condition: Callable[[], T | None], what: str = "it", seconds: float = LIMIT) -> T:
    """Wait for the first truthy value of `condition`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return value
