"""Long-running operations: a call starts them, a thread does the work, and clients query them by id.

A query of a running operation waits for its end, so that a client that polls every few seconds loses no time. The first
`Settings.polls` queries get `Running` at once.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .messages import Answer, Refusal, as_json
from .routing import DATA_PLANE, WORKSPACE, Later, Routes, Visit
from .state import Record, now

routes = Routes(DATA_PLANE, prefix=f"/modelmanagement/v1.0{WORKSPACE}")
ROUTES = (routes,)

LONGEST = 15.0  # limit in seconds for this wait, because clients have time-outs
Error = Record  # code, statusCode, message, details


class Failure(Exception):
    """The work failed. `error` and `phase` are the service's report, and `log` is the log of the image build."""

    def __init__(self, error: Error, phase: str, log: str = "") -> None:
        super().__init__(error["message"])
        self.error = error
        self.phase = phase
        self.log = log


@dataclass(frozen=True)
class Work:
    """The work of an operation. If `do` raises Failure, `undo` is called. Both run without the lock."""

    do: Callable[[], None]
    undo: Callable[[Failure], None] = lambda _: None


def begin(visit: Visit, kind: str, location: str, work: Work) -> Answer:
    """Answer 202 and start the work, or the effect of a fault."""
    record = _new(visit, kind, location)
    visit.workspace.operations[record["id"]] = record
    finished = visit.machines.finished[record["id"]] = threading.Event()
    forced = visit.fault.operation if visit.fault else {}
    if "error" in forced:
        work = Work(_failing(Failure(forced["error"], forced["phase"], forced["log"])), work.undo)
    thread = threading.Thread(target=_run, args=(visit, record, location, work, finished), daemon=True)

    def start() -> None:
        record["stuck"] = False
        thread.start()

    visit.machines.held.append(start) if record["stuck"] else start()
    path = f"{visit.workspace.scope}/operations/{record['id']}"
    return Answer(202, headers={"Operation-Location": f"https://{visit.request.head.host}/api{path}"})


def _failing(failure: Failure) -> Callable[[], None]:
    def fail() -> None:
        raise failure

    return fail


def _run(visit: Visit, record: Record, location: str, work: Work, finished: threading.Event) -> None:
    try:
        work.do()
        outcome: Record = {"state": "Succeeded", "resourceLocation": location}
    except Failure as failure:
        if failure.log:
            visit.machines.blobs.put(visit.workspace.container, _log_name(record), failure.log.encode())
        work.undo(failure)
        details = {"subOperationType": failure.phase}
        outcome = {"state": "Failed", "error": failure.error, "operationDetails": details}
    with visit.machines.lock:
        record.update(outcome, endTime=now())
    finished.set()


@routes.on("GET", "/operations/{operation}")
def read(visit: Visit) -> Answer | Later:
    record = visit.workspace.operations.get(visit["operation"])
    if record is None:
        raise Refusal(404, "OperationNotFound", f"Operation {visit['operation']} was not found")
    record["polls"] += 1
    if record["timedOut"]:
        return as_json({**record, "state": "TimedOut", "error": None})
    if record["stuck"] or record["polls"] <= visit.world.settings.polls:
        return as_json({**_with_log(record, visit.query), "state": "Running", "error": None, "endTime": None})
    finished = visit.machines.finished[record["id"]]

    def when_finished() -> Answer:
        finished.wait(LONGEST)
        return as_json(_with_log(record, visit.query))

    return when_finished


def _with_log(record: Record, query: dict[str, str]) -> Record:
    """The record with the operation's log after the requested offset: `time|text` entries, separated by `#`."""
    return {**record, "streamingOperationLog": record["log"][int(query.get("offset", 0)) :]}


def _new(visit: Visit, kind: str, location: str) -> Record:
    identifier = str(uuid.uuid4())
    forced = visit.fault.operation if visit.fault else {}
    record: dict[str, Any] = {
        "id": identifier,
        "operationType": kind,
        "state": "Running",
        "createdTime": now(),
        "endTime": None,
        "error": None,
        "operationDetails": {"subOperationType": "BuildImage"},
        "polls": 0,
        "log": f"{datetime.now(UTC):%Y%m%d%H%M%S}|{kind} {location} is begun#",
        "stuck": bool(forced.get("stuck")),
        "timedOut": bool(forced.get("timedOut")),
    }
    blobs, container = visit.machines.blobs, visit.workspace.container
    blobs.put(container, _log_name(record), f"Step 1/1 : {kind} {location}\n".encode())
    return {**record, "operationLog": blobs.url(container, _log_name(record), "r")}


def _log_name(record: Record) -> str:
    return f"ImageLogs/{record['id']}/build.log"
