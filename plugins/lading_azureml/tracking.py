"""The tracker: a run of the store as a run of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lading import Context, Json, Run, TrackedRun

if TYPE_CHECKING:
    from .connection import AzureConnection

RUN = "lading.run"
_ENDED = ("Completed", "Failed", "Canceled")


def track(run: Run, context: Context) -> TrackedRun:
    """Log a run as it stands: started, finished, or failed with its error.

    The run has the same id in the workspace, so that nothing is logged twice: what is there already is left out.
    """
    connection: AzureConnection = context.connection
    workspace, experiment = connection.workspace, connection.experiment or run.name
    context.intend(f"run/{run.id}")
    logged = workspace.begin_run(experiment, run.id, run.name, _tags(run))
    if run.state != "running" and logged.status not in _ENDED:
        values = {name: value for name, value in _values(run).items() if name not in logged.metrics}
        workspace.log(experiment, run.id, values)
        workspace.end_run(experiment, run.id, run.error or "the training failed" if run.state == "failed" else None)
    return TrackedRun(connection.name, run.id, logged.url)


def _tags(run: Run) -> dict[str, str]:
    tags = {RUN: run.id, **{f"input {path}": digest for path, digest in run.inputs.items()}, **run.libraries}
    return {**tags, "git commit": run.git_commit} if run.git_commit else tags


def _values(run: Run) -> Mapping[str, Json]:
    """Parameters, metrics, start and end, flat: a mapping within becomes `name.key`."""
    times = {"start": run.started.isoformat(), "end": run.ended.isoformat() if run.ended else None}
    return dict(_flat({**run.parameters, **run.metrics, **times}, ""))


def _flat(values: Mapping[str, Json], prefix: str) -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found.append((f"{prefix}{name}", value))
    return found
