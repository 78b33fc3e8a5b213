"""The metrics of a run."""

from __future__ import annotations

from .messages import Answer, Refusal, WrongShape, as_json
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .state import Record

MOST_ROWS = 250
routes = Routes(DATA_PLANE, prefix=f"/metric/v2.0{WORKSPACE}/runs/{{run}}")
ROUTES = (routes,)


@routes.on("POST", "/batch")
def log(visit: Visit) -> Answer:
    kept, values = _metrics(visit), visit.request.json()["values"]
    if sum(len(value["value"]) for value in values) > MOST_ROWS:
        raise WrongShape(f"more than {MOST_ROWS} rows in one request")
    for value in values:
        if not {"name", "columns", "value", "properties"} <= value.keys():
            raise WrongShape(f"a metric without name, columns, value or properties: {sorted(value)}")
        same = next((metric for metric in kept if metric["name"] == value["name"]), None)
        if same is None:
            kept.append(value)
        else:
            known = {row["metricId"] for row in same["value"]}
            same["value"] += [row for row in value["value"] if row["metricId"] not in known]
    return as_json({"errors": []})


@routes.on("POST", "/list")
def names(visit: Visit) -> Answer:
    rows = [{"metricKey": {"name": metric["name"]}, "columns": metric["columns"]} for metric in _metrics(visit)]
    return as_json({"value": rows})


@routes.on("POST", "/full")
def full(visit: Visit) -> Answer:
    name = visit.request.json()["metricName"]
    for metric in _metrics(visit):
        if metric["name"] == name:
            return as_json({**metric, "continuationToken": None})
    raise Refusal(404, "UserError", f"Metric {name} was not found")


def _metrics(visit: Visit) -> list[Record]:
    if visit["run"] not in visit.workspace.runs:
        raise Refusal(404, "UserError", f"Run {visit['run']} was not found")
    return visit.workspace.metrics.setdefault(visit["run"], [])
