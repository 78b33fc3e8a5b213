"""Run history: experiments, runs, their tags and properties, and the events that change their status."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable

from .messages import Answer, Refusal, WrongShape, as_json
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .state import Record, now

routes = Routes(DATA_PLANE, prefix=f"/history/v1.0{WORKSPACE}")
ROUTES = (routes,)

STATUS = {
    "Microsoft.MachineLearning.Run.Start": "Running",
    "Microsoft.MachineLearning.Run.Completed": "Completed",
    "Microsoft.MachineLearning.Run.Failed": "Failed",
    "Microsoft.MachineLearning.Run.Canceled": "Canceled",
}
ENDED = ("Completed", "Failed", "Canceled")
CONDITION = re.compile(r'\((?:(Tags|Properties)/)?([^\s()]+) (eq|ne) ("(?:[^"\\]|\\.)*"|null)(?: or \S+ eq null)?\)')
EDITABLE = (
    "name", "displayName", "runTypeV2", "target", "description", "status", "hidden", "inputDatasets", "outputDatasets",
)  # fmt: skip


@routes.on("GET", "/experiments/{experiment}")
def read_experiment(visit: Visit) -> Answer:
    return as_json(_experiment(visit))


@routes.on("POST", "/experiments/{experiment}")
def create_experiment(visit: Visit) -> Answer:
    record = {
        "experimentId": str(uuid.uuid4()),
        "name": visit["experiment"],
        "createdUtc": now(),
        "tags": {},
    }
    return as_json(visit.workspace.experiments.setdefault(visit["experiment"], record))


@routes.on("PATCH", "/experiments/{experiment}/runs/{run}")
def patch_run(visit: Visit) -> Answer:
    """Change a run, or create it if it does not exist."""
    experiment = _experiment(visit)
    body = visit.request.json()
    if body.get("runId") != visit["run"]:
        raise WrongShape(f"the body's runId {body.get('runId')!r} is not the path's")
    runs = visit.workspace.runs
    if visit["run"] not in runs:
        runs[visit["run"]] = _new_run(visit, experiment)
    return as_json(_edit(runs[visit["run"]], body))


@routes.on("PATCH", "/experimentids/{experiment}/runs/{run}")
def patch_known_run(visit: Visit) -> Answer:
    return as_json(_edit(_run(visit), visit.request.json()))


@routes.on("GET", "/runs/{run}")
@routes.on("GET", "/experimentids/{experiment}/runs/{run}")
@routes.on("GET", "/experiments/{experiment}/runs/{run}")
def read_run(visit: Visit) -> Answer:
    return as_json(_run(visit))


@routes.on("GET", "/experimentids/{experiment}/runs/{run}/details")
@routes.on("GET", "/experiments/{experiment}/runs/{run}/details")
def run_details(visit: Visit) -> Answer:
    return as_json({"warnings": [], "logFiles": {}, "inputDatasets": [], **_run(visit)})


@routes.on("POST", "/experiments/{experiment}/runs:query")
def query_runs(visit: Visit) -> Answer:
    experiment = _experiment(visit)["experimentId"]
    conditions = _conditions(visit.request.json().get("filter") or "")
    runs = [run for run in visit.workspace.runs.values() if run["experimentId"] == experiment]
    return as_json({"value": [run for run in runs[::-1] if all(holds(run) for holds in conditions)]})


@routes.on("POST", "/experimentids/{experiment}/runs/{run}/events")
@routes.on("POST", "/experiments/{experiment}/runs/{run}/events")
def event(visit: Visit) -> Answer:
    run, body = _run(visit), visit.request.json()
    if body.get("name") == "Microsoft.MachineLearning.Run.Error":
        run["error"] = body["data"]["ErrorResponse"] if "ErrorResponse" in body["data"] else body["data"]
    elif body.get("name") not in STATUS:
        raise WrongShape(f"no run event is called {body.get('name')!r}")
    else:
        run["status"] = STATUS[body["name"]]
        run["endTimeUtc" if run["status"] in ENDED else "startTimeUtc"] = body.get("timestamp") or now()
    return Answer()


@routes.on("GET", "/experimentids/{experiment}/runs/{run}/metricsingest/wait")
@routes.on("GET", "/experiments/{experiment}/runs/{run}/metricsingest/wait")
def metrics_ingested(visit: Visit) -> Answer:
    """Metrics are available as soon as they are sent."""
    _run(visit)
    return Answer()


def _conditions(text: str) -> list[Callable[[Record], bool]]:
    """Parse the SDK's filter: `((Tags/NAME eq "VALUE") and (Properties/NAME ne null or ...) and ...)`."""
    if set(CONDITION.sub("", text)) - set("() and"):
        raise WrongShape(f"no runs can be found by {text!r}")
    return [_condition(*found) for found in CONDITION.findall(text)]


def _condition(part: str, name: str, operator: str, value: str) -> Callable[[Record], bool]:
    if not part:
        return lambda run: json.loads(value) == run.get(name[0].lower() + name[1:])
    if operator == "ne":
        return lambda run: name in run[part.lower()]
    return lambda run: run[part.lower()].get(name) == json.loads(value)


def _experiment(visit: Visit) -> Record:
    name = visit["experiment"]
    if name not in visit.workspace.experiments:
        raise Refusal(404, "UserError", f"Experiment {name} was not found")
    return visit.workspace.experiments[name]


def _run(visit: Visit) -> Record:
    if visit["run"] not in visit.workspace.runs:
        raise Refusal(404, "UserError", f"Run {visit['run']} was not found")
    return visit.workspace.runs[visit["run"]]


def _new_run(visit: Visit, experiment: Record) -> Record:
    name = visit["run"]
    return {
        "runId": name,
        "runNumber": visit.workspace.next(),
        "rootRunId": name,
        "experimentId": experiment["experimentId"],
        "dataContainerId": f"dcid.{name}",
        "status": "NotStarted",
        "createdUtc": now(),
        "properties": {},
        "tags": {},
    }


def _edit(run: Record, body: Record) -> Record:
    """Merge changes into a run: tags and properties by name; null removes a tag."""
    run.update({name: body[name] for name in EDITABLE if body.get(name) is not None})
    for part in ("tags", "properties"):
        merged = {**run[part], **(body.get(part) or {})}
        run[part] = {name: value for name, value in merged.items() if value is not None}
    return run
