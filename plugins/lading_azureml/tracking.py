"""The tracker: log a run of the store as a run of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lading import Context, Json, Run, StageFailed, TrackedRun

if TYPE_CHECKING:
    from .runs import LoggedRun, Steps, Tracking

RUN = "lading.run"
_EVALUATED = "evaluation."
_PLOTS = "plots"
_STEPS = ".steps"
_ENDED = ("Completed", "Failed", "Canceled")


def track(run: Run, context: Context) -> TrackedRun:
    """Log a run's current state: started, finished, or failed with its error.

    The run has the same id in the workspace. Values that are already there are left out, so nothing is logged twice.
    """
    connection: Tracking = context.connection
    runs, experiment = connection.runs, connection.experiment or run.name
    context.intend(f"run/{run.id}")
    logged = runs.begin_run(experiment, run.id, run.name, _tags(run))
    if run.state != "running":
        ended = logged.status in _ENDED
        runs.log(experiment, run.id, _missing(run, logged, ended=ended), {} if ended else _steps(run))
        if not ended:
            failure = run.error or "the training failed" if run.state == "failed" else None
            runs.end_run(experiment, run.id, failure)
    return TrackedRun(tracker=connection.name, id=run.id, url=logged.url)


def attach(run: Run, files: Sequence[Path], context: Context) -> None:
    """Upload the files of a run. If the workspace refuses them, the run stays and a warning gives the reason.

    A warning also names each file that differs from the one that the workspace has.
    """
    connection: Tracking = context.connection
    named = {f"{_PLOTS}/{file.name}": file for file in files}
    try:
        kept = connection.runs.attach(connection.experiment or run.name, run.id, named)
    except StageFailed as error:
        context.warn(f"the plots of the run are not logged: {error.message}")
        return
    for name in kept:
        context.warn(f"Azure keeps the first {name} of run {run.id}; the new one is {named[name]}")


def _tags(run: Run) -> dict[str, str]:
    tags = {RUN: run.id, **{f"input {path}": digest for path, digest in run.inputs.items()}, **run.libraries}
    return {**tags, "git commit": run.git_commit} if run.git_commit else tags


def _values(run: Run) -> Mapping[str, Json]:
    """Parameters, metrics, start and end in one flat mapping. A nested value becomes `name.key`."""
    times = {"start": run.started.isoformat(), "end": run.ended.isoformat() if run.ended else None}
    histories = _steps(run)
    metrics = {name: value for name, value in run.metrics.items() if name.removesuffix(_STEPS) not in histories}
    return dict(_flat({**run.parameters, **metrics, **times}, ""))


def _steps(run: Run) -> Steps:
    """The histories of a run's metrics. Steps without a finite number are left out."""
    found = {name.removesuffix(_STEPS): value for name, value in run.metrics.items() if _is_history(name, value)}
    return {name: [(step, number) for step, number in pairs if number is not None] for name, pairs in found.items()}


def _is_history(name: str, value: Json) -> bool:
    """Whether a value has all steps of the metric with that name, as pairs of step and number."""
    return name.endswith(_STEPS) and isinstance(value, list) and all(map(_is_step, value))


def _is_step(pair: Json) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return False
    return type(pair[0]) is int and isinstance(pair[1], int | float | None)


def _missing(run: Run, logged: LoggedRun, *, ended: bool) -> dict[str, Json]:
    """The values that are not there yet. Evaluations come after the end of the training; all others were
    logged before. A list may be there only in part, because it takes several requests.
    """

    def is_there(name: str, value: Json) -> bool:
        return name in logged.metrics and not (logged.completes_lists and isinstance(value, list))

    values = ((name, value) for name, value in _values(run).items() if not is_there(name, value))
    return {name: value for name, value in values if not ended or name.startswith(_EVALUATED)}


def _flat(values: Mapping[str, Json], prefix: str) -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found.append((f"{prefix}{name}", value))
    return found
