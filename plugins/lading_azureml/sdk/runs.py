"""The runs of an experiment. Each run is created with our own id, so a second creation finds the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azureml._restclient.exceptions import ServiceException
from azureml._restclient.run_client import RunClient
from azureml._restclient.workspace_client import WorkspaceClient
from azureml.core import Experiment, Run

from lading import Json

from ..runs import LoggedRun, Steps
from ..text import clean
from .artifacts import sha256_of, sha256_of_file
from .calls import Part
from .failures import read

_NOT_STARTED = (None, "NotStarted")
_LONGEST = 1000  # characters of a value that is logged as text


class Runs(Part):
    def begin_run(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> LoggedRun:
        what = f"logging run {run_id} to experiment {experiment}"
        self._call(what, lambda: self._start(experiment, run_id, name, tags))
        run = self._call(what, lambda: self._run(experiment, run_id))
        status = str(run._run_dto["status"])
        metrics = self._call(what, run.get_metrics) if status == "Running" else {}
        return LoggedRun(run_id, status, str(run.get_portal_url()), frozenset(metrics))

    def log(self, experiment: str, run_id: str, values: Mapping[str, Json], steps: Steps) -> None:
        def send() -> None:
            run = self._run(experiment, run_id)
            known = run.get_metrics() if steps else ()
            for name, value in values.items():
                _log(run, name, value)
            for name in steps.keys() - known:
                for step, number in steps[name]:
                    run.log(name, number, step=step)
            run.flush()

        if values or steps:
            self._call(f"logging the metrics of run {run_id}", send)

    def attach(self, experiment: str, run_id: str, files: Mapping[str, Path]) -> tuple[str, ...]:
        def send() -> tuple[str, ...]:
            return _upload_missing(self._run(experiment, run_id), files)

        return self._call(f"uploading the files of run {run_id}", send)

    def end_run(self, experiment: str, run_id: str, error: str | None) -> None:
        def send() -> None:
            run = self._run(experiment, run_id)
            if error is None:
                run.complete()
            else:
                run.fail(error_details=clean(error))

        self._call(f"ending run {run_id}", send)

    def _start(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Create and start the run if it does not exist. A started run is not changed."""
        client = self._client(RunClient, experiment, run_id, experiment_id=self._experiment(experiment).id)
        try:
            status = client.get_run().status
        except ServiceException as error:
            if read(error).status != 404:
                raise
            status = client.create_run(run_id=run_id, target="local", display_name=name, tags=dict(tags)).status
        if status in _NOT_STARTED:
            client.post_event_start()

    def _experiment(self, name: str) -> Any:
        found = self._client(WorkspaceClient).get_or_create_experiment(name)
        return Experiment(self._workspace, name, _id=found.experiment_id, _create_in_cloud=False, _experiment_dto=found)

    def _run(self, experiment: str, run_id: str) -> Any:
        run = Run(self._experiment(experiment), run_id, outputs=None, clean_up=False)
        for client in (run._client.run, run._client.metrics, run._client.artifacts):
            client.retries = 0
        return run


def _upload_missing(run: Any, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Upload the files that a run lacks. Returns the names of those that it has with another content."""
    there = set(run.get_file_names())
    for name, file in files.items():
        if name not in there:
            run.upload_file(name, str(file))
    known = (name for name in files if name in there)
    return tuple(name for name in known if sha256_of(run, name) != sha256_of_file(files[name]))


def _log(run: Any, name: str, value: Json) -> None:
    if isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        run.log_list(name, value)
    elif isinstance(value, bool | int | float):
        run.log(name, value)
    else:
        run.log(name, (value if isinstance(value, str) else json.dumps(value))[:_LONGEST])
