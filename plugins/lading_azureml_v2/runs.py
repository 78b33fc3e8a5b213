"""The runs of an experiment, in the run history of the workspace.

A run has our own id, so a second creation finds the same run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from lading import Json
from lading_azureml.runs import LoggedRun, Steps
from lading_azureml.text import clean

from .artifacts import put_files
from .metrics import Metrics
from .services import Services

_HISTORY = "history/v1.0"
_EVENT = "Microsoft.MachineLearning.Run."
_NOT_STARTED = ("", "NotStarted")


class Runs:
    """The runs of a workspace. It implements `lading_azureml.runs.Runs`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._metrics = Metrics(services)

    def begin_run(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> LoggedRun:
        """The run with that id. It is created and started if necessary."""
        found = self.find(run_id) or self._create(experiment, run_id, name, tags)
        status = str(found.get("status") or "")
        if status in _NOT_STARTED:
            self._post(experiment, run_id, "Start", {"StartTime": _now()})
            status = "Running"
        names = self._metrics.names(run_id) if status == "Running" else ()
        return LoggedRun(run_id, status, self._url(run_id), frozenset(names), completes_lists=True)

    def log(self, experiment: str, run_id: str, values: Mapping[str, Json], steps: Steps) -> None:  # noqa: ARG002 - metrics have no experiment here
        """Log values and histories. Steps that are there already are left out."""
        self._metrics.log(run_id, values, steps)

    def attach(self, experiment: str, run_id: str, files: Mapping[str, Path]) -> tuple[str, ...]:  # noqa: ARG002 - nor have files
        """Upload files to a run. Returns the names of those that it has with another content."""
        return put_files(self._services, self.place(run_id), files)

    def end_run(self, experiment: str, run_id: str, error: str | None) -> None:
        """Complete a run, or fail it with an error."""
        if error is None:
            self._post(experiment, run_id, "Completed", {"EndTime": _now()})
            return
        self._post(experiment, run_id, "Error", {"ErrorResponse": {"error": {"message": clean(error)}}})
        self._post(experiment, run_id, "Failed", {"EndTime": _now()})

    def find(self, run_id: str) -> Json:
        """The record of a run; None if there is none."""
        return self._ask("GET", f"runs/{quote(run_id, safe='')}", gone=True, what=f"reading run {run_id}")

    def place(self, run_id: str) -> str:
        """The origin and the container of a run's files."""
        found = self.find(run_id) or {}
        return f"ExperimentRun/{found.get('dataContainerId') or f'dcid.{run_id}'}"

    def _create(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> Json:
        self._ask("POST", f"experiments/{quote(experiment, safe='')}", what=f"creating experiment {experiment}")
        body = {"runId": run_id, "displayName": name, "target": "local", "tags": dict(tags)}
        return self._ask("PATCH", _path(experiment, run_id), body, what=f"creating run {run_id}")

    def _post(self, experiment: str, run_id: str, event: str, data: Mapping[str, Json]) -> None:
        body = {"name": f"{_EVENT}{event}", "timestamp": _now(), "data": {"RunId": run_id, **data}}
        self._ask("POST", f"{_path(experiment, run_id)}/events", body, what=f"changing run {run_id}")

    def _ask(self, method: str, path: str, body: Json = None, *, what: str, gone: bool = False) -> Json:
        return self._services.ask(what, method, _HISTORY, path, body, gone=gone).body

    def _url(self, run_id: str) -> str:
        return f"{self._services.studio}/runs/{quote(run_id, safe='')}?wsid={self._services.scope}"


def _path(experiment: str, run_id: str) -> str:
    return f"experiments/{quote(experiment, safe='')}/runs/{quote(run_id, safe='')}"


def _now() -> str:
    return datetime.now(UTC).isoformat()
