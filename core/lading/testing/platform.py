"""Examine the platform without the plugin, through the author's fixture `things_of`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

import pytest

Things = tuple[str, ...]
"""The objects of a service, sorted. Two objects with the same description count as two."""

ThingsOf = Callable[[str], Iterable[Hashable]]
"""Finds the objects on the platform for the service with that name."""

_PAUSE = 0.2  # seconds between two checks of a platform that is still removing objects


@dataclass(frozen=True)
class Platform:
    """Examines the platform with `things_of`, if the author provided it. `patience` is in seconds."""

    things_of: ThingsOf | None
    patience: float

    def look(self, service: str, until: Callable[[Things], bool] = lambda _things: True) -> Things | None:
        """The objects of a service, as soon as they are as expected or patience ends; None without `things_of`."""
        if self.things_of is None:
            return None
        end = time.monotonic() + self.patience
        while True:
            things = tuple(sorted(map(str, self.things_of(service))))
            if until(things) or time.monotonic() > end:
                return things
            time.sleep(_PAUSE)


def seen(things: Things | None, unproved: str) -> Things:
    """The observed objects. Without them, the check is skipped, and the reason names what is not proved."""
    if things is None:
        pytest.skip(f"has no fixture `things_of`, so the kit cannot check that {unproved}")
    return things


def more(after: Things, before: Things) -> str:
    """The objects that were not there before, for a message; empty if there are none."""
    return ", ".join(sorted((Counter(after) - Counter(before)).elements()))
