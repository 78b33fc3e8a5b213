"""A run of ours as a run of MLflow, found again by its id in a tag."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from lading import Json, Run, TrackedRun

from .port import Notes, Server

Value = TypeVar("Value")

RUN_TAG = "lading.run"
_STATUS = {"finished": "FINISHED", "failed": "FAILED"}
# Servers from 2.10 on take as much (mlflow/utils/validation.py); what is longer is cut rather than lost.
_MOST_NAME, _MOST_PARAMETER, _MOST_TAG = 250, 6000, 5000


def track(server: Server, run: Run) -> TrackedRun:
    """Log a run as it stands, and return where it is."""
    page = keep_run(server, run)
    return TrackedRun(tracker="mlflow", id=page, url=server.run_url(page))


def keep_run(server: Server, run: Run) -> str:
    """Make or continue MLflow's run, and return its id."""
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
    measured = dict(_leaves(run.metrics))
    numbers = {name: float(value) for name, value in measured.items() if _is_number(value)}
    tags |= {f"lading.metric.{name}": _text(measured[name]) for name in measured.keys() - numbers.keys()}
    # A parameter of MLflow can never be changed, and those of a run that goes on are not the last word.
    parameters = {name: _text(value)[:_MOST_PARAMETER] for name, value in run.parameters.items()}
    return Notes(
        parameters=_named(parameters) if run.state in _STATUS else {},
        metrics=_named(numbers),
        tags=_named({name: value[:_MOST_TAG] for name, value in tags.items() if value}),
    )


def _leaves(value: Json, name: str = "") -> Iterator[tuple[str, Json]]:
    """Every value that holds no others, under its dotted name."""
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
    """A name as every server takes it: letters, digits, dashes, dots and spaces, and not a path."""
    return re.sub(r"[^\w\-. ]", "_", name).lstrip(".")[:_MOST_NAME] or "_"
