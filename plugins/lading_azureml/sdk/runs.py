"""Runs of an experiment. A run is created with an id of ours, so that creating it twice is creating it once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from azureml._restclient.exceptions import ServiceException
from azureml.core import Experiment, Run

from lading import Json

from ..port import LoggedRun
from .calls import Part
from .failures import clean, read

_LONGEST = 1000  # characters of a value that is logged as text


class Runs(Part):
    def begin_run(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> LoggedRun:
        what = f"logging run {run_id} to experiment {experiment}"
        run = self._call(what, lambda: self._found(experiment, run_id) or self._started(experiment, run_id, name, tags))
        status = str(run.get_status())
        metrics = self._call(what, run.get_metrics) if status == "Running" else {}
        return LoggedRun(run_id, status, str(run.get_portal_url()), frozenset(metrics))

    def log(self, experiment: str, run_id: str, values: Mapping[str, Json]) -> None:
        def send() -> None:
            run = self._run(experiment, run_id)
            for name, value in values.items():
                _log(run, name, value)
            run.flush()

        if values:
            self._call(f"logging the metrics of run {run_id}", send)

    def end_run(self, experiment: str, run_id: str, error: str | None) -> None:
        def send() -> None:
            run = self._run(experiment, run_id)
            if error is None:
                run.complete()
            else:
                run.fail(error_details=clean(error))

        self._call(f"ending run {run_id}", send)

    def _run(self, experiment: str, run_id: str) -> Any:
        return Run(Experiment(self._workspace, experiment), run_id, outputs=None, clean_up=False)

    def _found(self, experiment: str, run_id: str) -> Any:
        try:
            return self._run(experiment, run_id)
        except ServiceException as error:
            if read(error).status == 404:
                return None
            raise

    def _started(self, experiment: str, run_id: str, name: str, tags: Mapping[str, str]) -> Any:
        return Experiment(self._workspace, experiment).start_logging(
            run_id=run_id, display_name=name, tags=dict(tags), outputs=False, snapshot_directory=None, clean_up=False
        )


def _log(run: Any, name: str, value: Json) -> None:
    if isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        run.log_list(name, value)
    elif isinstance(value, bool | int | float):
        run.log(name, value)
    else:
        run.log(name, (value if isinstance(value, str) else json.dumps(value))[:_LONGEST])
