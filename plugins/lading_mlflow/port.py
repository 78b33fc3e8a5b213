"""The operations of an MLflow server that the tracker and the registry use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol


class Notes(NamedTuple):
    """The facts of a run, in MLflow's three kinds. `steps` has the history of a metric as pairs of step and value."""

    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    steps: Mapping[str, Sequence[tuple[int, float]]] = MappingProxyType({})


class Server(Protocol):
    """One experiment of an MLflow server, and its model registry. Ids and versions are MLflow's own.

    Every method raises Transient if the server does not answer, and StageFailed if it refuses.
    """

    def find_run(self, tag: str, value: str) -> str | None:
        """The id of the oldest run with that tag."""

    def create_run(self, name: str, started: datetime, tags: Mapping[str, str]) -> str:
        """Create a run, with its tags in the same call, and return its id."""

    def note(self, run: str, notes: Notes, at: datetime) -> None:
        """Add notes to a run. Adding the same notes again changes nothing."""

    def end_run(self, run: str, status: str, ended: datetime) -> None:
        """End a run; `status` is FINISHED or FAILED."""

    def upload(self, run: str, folder: Path, name: str) -> str:
        """Upload a folder as the artifact `name` of a run, and return its address for the registry."""

    def attach(self, run: str, files: Sequence[Path], name: str) -> None:
        """Upload files below the artifact `name` of a run. Files with the same names are replaced."""

    def find_version(self, model: str, tag: str, value: str) -> str | None:
        """The oldest usable version of a model with that tag."""

    def create_model(self, model: str) -> None:
        """Create a registered model, if there is none of that name."""

    def create_version(self, model: str, source: str, run: str, tags: Mapping[str, str], description: str) -> str:
        """Create a version, with its tags in the same call, and return its number."""

    def run_url(self, run: str) -> str:
        """The page of a run."""

    def version_url(self, model: str, version: str) -> str:
        """The page of a model version."""
