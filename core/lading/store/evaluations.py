"""The metrics of finished models, by manifest. A finished model has no run that could hold its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reuse import Reuse

_METRICS = "metrics"  # these rows are not the output of a stage


@dataclass(frozen=True)
class Evaluations:
    """The metrics that each finished model had in its last evaluation by a manifest."""

    reuse: Reuse
    manifest: str

    def keep(self, sha256: str, metrics: Mapping[str, float | None]) -> None:
        if dict(metrics) != self.of(sha256):
            self.reuse.put(self._key(sha256), _METRICS, dict(metrics))

    def of(self, sha256: str) -> dict[str, float | None]:
        """The metrics of a model; none if this manifest has not evaluated it."""
        return self.reuse.get(self._key(sha256)) or {}

    def _key(self, sha256: str) -> str:
        return f"the metrics of {sha256} in {self.manifest}"
