"""The runs of a workspace in Lading's terms. An SDK or REST implements it; see `port` about failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lading import Json


@dataclass(frozen=True)
class LoggedRun:
    """A run of the workspace. `status` is Azure's term, and `url` is its page in the studio.

    With `completes_lists`, a list can be logged again: the workspace then keeps only the numbers that it lacks.
    """

    id: str
    status: str
    url: str
    metrics: frozenset[str]
    completes_lists: bool = False


Steps = Mapping[str, Sequence[tuple[int, float]]]
"""The history of metrics: pairs of a step and its value, by the name of the metric."""


class Runs(Protocol):
    """The runs of a workspace."""

    def begin_run(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> LoggedRun:
        """The run with that id. It is started if it does not exist."""

    def log(self, experiment: str, run_id: str, values: Mapping[str, Json], steps: Steps) -> None:
        """Log values to a run: numbers, text, and lists of both; and histories of metrics."""

    def attach(self, experiment: str, run_id: str, files: Mapping[str, Path]) -> tuple[str, ...]:
        """Upload files to a run under their names. Azure keeps the first file of a name.

        Returns the names of the files that the run has with another content.
        """

    def end_run(self, experiment: str, run_id: str, error: str | None) -> None:
        """Complete a run, or fail it with an error."""


class Tracking(Protocol):
    """A connection to a workspace that logs runs. `experiment` is None if its options name none."""

    @property
    def name(self) -> str: ...
    @property
    def experiment(self) -> str | None: ...
    @property
    def runs(self) -> Runs: ...
