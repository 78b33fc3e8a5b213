"""The metrics of a run, in rows: one for each value, or for each step of a history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from lading import Json, StageFailed
from lading_azureml.runs import Steps
from lading_azureml.text import clean, reason

from .services import Services
from .wording import plain

_SERVICE = "metric/v2.0"
_SCALAR, _LIST = "azureml.v1.scalar", "azureml.v1.list"
_ROWS = 250  # Azure's limit of one request
_LONGEST = 255  # characters of a text, Azure's limit


class _Row(NamedTuple):
    """A value of a metric. `kind` is the chart of the studio."""

    name: str
    kind: str
    value: Json
    step: int | None = None
    number: int = 0


class Metrics:
    """The metrics of the runs of a workspace."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def names(self, run_id: str) -> set[str]:
        """The metrics that a run has."""
        found: set[str] = set()
        body: dict[str, str] = {}
        while True:
            page = self._ask(run_id, "list", body)
            found |= {str(each["metricKey"]["name"]) for each in page.get("value") or ()}
            if not page.get("continuationToken"):
                return found
            body = {"continuationToken": page["continuationToken"]}

    def log(self, run_id: str, values: Mapping[str, Json], steps: Steps) -> None:
        """Log values, and the steps that the run lacks. A killed command may have logged some of them.

        Raises StageFailed if the workspace does not keep a row.
        """
        rows = [row for name, value in values.items() for row in _rows(name, value)]
        known = self.names(run_id) if steps else set()
        for name, history in steps.items():
            there = self._steps(run_id, name) if name in known else set()
            rows += [_Row(name, _SCALAR, value, step) for step, value in history if step not in there]
        for start in range(0, len(rows), _ROWS):
            errors = self._ask(run_id, "batch", _batch(run_id, rows[start : start + _ROWS])).get("errors")
            if errors:
                raise StageFailed(f"the metrics of run {run_id} are not all logged: {_words(errors[0])}")

    def _steps(self, run_id: str, name: str) -> set[int]:
        """The steps of a metric that a run has."""
        found: set[int] = set()
        body = {"metricName": name}
        while True:
            page = self._ask(run_id, "full", body)
            found |= {int(row["step"]) for row in page.get("value") or () if row.get("step") is not None}
            if not page.get("continuationToken"):
                return found
            body = {**body, "continuationToken": page["continuationToken"]}

    def _ask(self, run_id: str, action: str, body: Json) -> Json:
        what = f"the metrics of run {run_id}"
        return self._services.ask(what, "POST", _SERVICE, f"runs/{run_id}/{action}", body).body or {}


def _words(error: Json) -> str:
    """The message of an error in the answer to a batch."""
    found: dict[str, Json] = error if isinstance(error, dict) else {"message": str(error)}
    inner = found["error"] if isinstance(found.get("error"), dict) else found
    return plain(clean(reason(inner))) or clean(json.dumps(found))


def _rows(name: str, value: Json) -> Iterator[_Row]:
    """The rows of a value: one, or one for each number of a list."""
    if isinstance(value, list) and value and all(map(_is_number, value)):
        yield from (_Row(name, _LIST, item, number=number) for number, item in enumerate(value))
    elif _is_number(value):
        yield _Row(name, _SCALAR, value)
    else:
        yield _Row(name, _SCALAR, (value if isinstance(value, str) else json.dumps(value))[:_LONGEST])


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float)


def _batch(run_id: str, rows: list[_Row]) -> Json:
    """A request with these rows. The id of a row depends on its place alone, so it is the same when it is repeated."""
    found: dict[str, list[_Row]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row)
    return {"values": [_metric(run_id, name, some) for name, some in found.items()], "reportErrors": True}


def _metric(run_id: str, name: str, rows: list[_Row]) -> Json:
    made = datetime.now(UTC).isoformat()
    value = [
        {
            "metricId": str(uuid5(NAMESPACE_URL, f"{run_id}/{name}/{row.step}/{row.number}")),
            "createdUtc": made,
            "data": {name: row.value},
            **({} if row.step is None else {"step": row.step}),
        }
        for row in rows
    ]
    properties = {"uxMetricType": rows[0].kind}
    return {"name": name, "columns": {name: _type(rows)}, "value": value, "properties": properties}


def _type(rows: list[_Row]) -> str:
    """Azure's word for the type of some values. Integers and fractions together are fractions."""
    kinds = {type(row.value) for row in rows}
    if kinds == {bool}:
        return "bool"
    if kinds == {str}:
        return "string"
    return "int" if kinds == {int} else "double"
