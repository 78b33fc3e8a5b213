"""Log a run with MLflow. A tag with our id finds it again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from lading import Json, Run, StageFailed, TrackedRun

from .port import Notes, Server

Value = TypeVar("Value")

RUN_TAG = "lading.run"
_PLOTS = "plots"
_STEPS = ".steps"
_STATUS = {"finished": "FINISHED", "failed": "FAILED"}
# Limits of servers since 2.10 (mlflow/utils/validation.py). Longer values are cut instead of lost.
_MOST_NAME, _MOST_PARAMETER, _MOST_TAG = 250, 6000, 5000


def track(server: Server, run: Run) -> TrackedRun:
    """Log a run's current state, and return its address."""
    page = keep_run(server, run)
    return TrackedRun(tracker="mlflow", id=page, url=server.run_url(page))


def attach(server: Server, page: str, files: Sequence[Path], warn: Callable[[str], None]) -> None:
    """Upload the files of a run. If the server stores none, the run stays and `warn` reports why."""
    try:
        server.attach(page, files, _PLOTS)
    except StageFailed as error:
        warn(f"the plots of the run are not logged: {error.message}")


def keep_run(server: Server, run: Run) -> str:
    """Create or continue MLflow's run, and return its id."""
    page = server.find_run(RUN_TAG, run.id) or server.create_run(run.id, run.started, {RUN_TAG: run.id})
    server.note(page, _notes(run), run.ended or run.started)
    if run.state in _STATUS:
        server.end_run(page, _STATUS[run.state], run.ended or datetime.now(UTC))
    return page


def _notes(run: Run) -> Notes:
    tags = {"lading.service": run.name, "lading.model": run.model_sha256, "mlflow.source.git.commit": run.git_commit}
    tags |= {f"lading.input.{path.replace('../', '')}": sha256 for path, sha256 in run.inputs.items()}
    tags |= {f"lading.library.{name}": version for name, version in run.libraries.items()}
    tags |= {"lading.error": run.error}
    steps = {name.removesuffix(_STEPS): value for name, value in run.metrics.items() if _is_history(name, value)}
    others = {name: value for name, value in run.metrics.items() if name.removesuffix(_STEPS) not in steps}
    measured = dict(_leaves(others))
    numbers = {name: float(value) for name, value in measured.items() if _is_number(value)}
    tags |= {f"lading.metric.{name}": _text(measured[name]) for name in measured.keys() - numbers.keys()}
    # MLflow parameters can never change, and the parameters of an unfinished run are not final.
    parameters = {name: _text(value)[:_MOST_PARAMETER] for name, value in run.parameters.items()}
    return Notes(
        parameters=_named(parameters) if run.state in _STATUS else {},
        metrics=_named(numbers),
        tags=_named({name: value[:_MOST_TAG] for name, value in tags.items() if value}),
        steps=_named({name: _history(pairs) for name, pairs in steps.items()}),
    )


def _is_history(name: str, value: Json) -> bool:
    """Whether a metric of a run has all steps of another one, as pairs of step and number."""
    return name.endswith(_STEPS) and all(
        type(step) is int and (number is None or _is_number(number)) for step, number in value
    )


def _history(pairs: Json) -> list[tuple[int, float]]:
    return [(step, float(number)) for step, number in pairs if number is not None]


def _leaves(value: Json, name: str = "") -> Iterator[tuple[str, Json]]:
    """Every value without nested values, under its dotted name."""
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        yield name, value
        return
    for key, item in items:
        yield from _leaves(item, f"{name}.{key}" if name else key)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _named(values: Mapping[str, Value]) -> dict[str, Value]:
    return {_name(name): value for name, value in values.items()}


def _name(name: str) -> str:
    """A name that every server accepts: letters, digits, dashes, dots and spaces, and not a path."""
    return re.sub(r"[^\w\-. ]", "_", name).lstrip(".")[:_MOST_NAME] or "_"
