"""The figures of the releases of a service."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model import ReleaseMetrics


@dataclass(frozen=True)
class Measurement:
    """The figures of each release with its number in this store, or the reason why they cannot be read."""

    releases: tuple[tuple[int | None, ReleaseMetrics], ...] = ()
    missing: str = ""

    def without(self, release_id: str | None) -> Measurement:
        """The figures of all other releases."""
        return replace(self, releases=tuple(each for each in self.releases if each[1].release_id != release_id))

    def of(self, release_id: str | None) -> Measurement:
        """The figures of one release."""
        return replace(self, releases=tuple(each for each in self.releases if each[1].release_id == release_id))
