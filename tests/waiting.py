"""Waits for what must happen. They end as soon as it does, and fail so late that no machine is too slow for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

LIMIT = 240.0
"""Seconds that a test waits for anything: a process, an answer, a condition. Nothing that works comes near it."""


def eventually(condition: Callable[[], Any], what: str = "it", seconds: float = LIMIT) -> Any:
    """The first truthy value of `condition`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return value
