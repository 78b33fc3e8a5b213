"""Long-running operations of Resource Manager.

A thread does the work. The first `Settings.polls` queries, of the operation or of its resource, see it running. A later
query waits for the end, so that a client that polls every few seconds loses no time.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..deploying import BEFORE_THE_SERVICE
from ..messages import Answer, Refusal, as_json
from ..operations import LONGEST, Failure
from ..routing import MANAGEMENT, Later, Routes, Visit
from ..state import Record, Workspace, now
from .lro import Lro
from .rights import check_version

LOCATION = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{region}"
routes = Routes(MANAGEMENT, prefix=LOCATION)
ROUTES = (routes,)

LOG = "azureml/ImageLogs/{operation}/20_image_build_log.txt"


@dataclass(frozen=True)
class Task:
    """The work of an operation.

    `work` runs without the lock. Then, with the lock, `done` changes the records, or `failed` if `work` raised Failure.
    """

    done: Callable[[], None]
    failed: Callable[[Failure], None]
    work: Callable[[], None] = lambda: None


def start(visit: Visit, resource: str, task: Task) -> dict[str, str]:
    """Start the work at a resource, or the effect of a fault. Returns the headers for the client to follow it.

    `resource` is the name of an endpoint, or `endpoint/deployment`.
    """
    forced = visit.fault.operation if visit.fault else {}
    record = _new(visit, resource, stuck=bool(forced.get("stuck")))
    lro = visit.machines.lros[record["id"]] = Lro()
    if not visit.world.settings.polls:
        lro.polled.set()
    if "error" in forced:
        task = replace(task, work=_failing(Failure(forced["error"], forced["phase"], forced["log"])))
    thread = threading.Thread(target=_run, args=(visit, record, task, lro), daemon=True)

    def begin() -> None:
        record["stuck"] = False
        thread.start()

    visit.machines.held.append(begin) if record["stuck"] else begin()
    return _headers(visit, record["id"], visit.workspace.location)


def address(visit: Visit, identifier: str, region: str, kind: str = "mfeOperationsStatus") -> str:
    """The address at which a client follows an operation."""
    path = LOCATION.format(subscription=visit["subscription"], region=region)
    version = visit.query["api-version"]
    return f"https://{visit.request.head.host}{path}/{kind}/{identifier}?api-version={version}"


def running(workspace: Workspace, endpoint: str) -> list[Record]:
    """The operations at an endpoint and its deployments that have not ended."""
    operations = workspace.v2.operations.values()
    return [item for item in operations if not item["endTime"] and item["resource"].partition("/")[0] == endpoint]


def note_query(visit: Visit, resource: str) -> None:
    """A query of a resource counts as one of its operation, for clients that follow the resource."""
    for record in running(visit.workspace, resource.partition("/")[0]):
        if record["resource"] == resource:
            _count(visit, record)


@routes.on("GET", "/mfeOperationsStatus/{operation}")
def status(visit: Visit) -> Answer | Later:
    check_version(visit)
    record = _found(visit)
    waits = _count(visit, record) and not record["stuck"]
    wait = str(visit.world.settings.retry_after)

    def when_finished() -> Answer:
        if waits:
            visit.machines.lros[record["id"]].finished.wait(LONGEST)
        return as_json(_shown(record), 200, **({} if record["endTime"] else {"Retry_After": wait}))

    return when_finished


@routes.on("GET", "/mfeOperationResults/{operation}")
def result(visit: Visit) -> Answer:
    """The resource, when the operation has ended; no content if it is gone or has no body."""
    check_version(visit)
    record = _found(visit)
    _count(visit, record)
    if not record["endTime"]:
        return Answer(202, headers=_headers(visit, record["id"], visit["region"]))
    if record["error"]:
        return as_json({"error": record["error"]}, 400)
    resource = _resources(visit).get(record["resource"])
    return as_json(resource) if resource and record["method"] == "PUT" else Answer(204)


def _run(visit: Visit, record: Record, task: Task, lro: Lro) -> None:
    failure = None
    try:
        task.work()
    except Failure as error:
        failure = error
    lro.polled.wait()
    outcome: Record = {"status": "Succeeded"}
    if failure is not None:
        outcome = {"status": "Failed", "error": _error(visit, record, failure)}
    with visit.machines.lock:
        task.failed(failure) if failure is not None else task.done()
        record.update(outcome, endTime=now(), percentComplete=100.0)
    lro.finished.set()


def _error(visit: Visit, record: Record, failure: Failure) -> Record:
    """The error of an operation. The log of a failed image build is a blob of the workspace's own storage."""
    error = {name: value for name, value in failure.error.items() if name != "statusCode"}
    error.setdefault("details", [])
    if failure.log and failure.phase in BEFORE_THE_SERVICE:
        blobs, container, log = visit.machines.blobs, visit.workspace.container, LOG.format(operation=record["id"])
        blobs.put(container, log, failure.log.encode())
        error["message"] += (
            f" The build log is under the storage account '{blobs.account}' in the container '{container}' at the path "
            f"'{log}'."
        )
    return error


def _failing(failure: Failure) -> Callable[[], None]:
    def fail() -> None:
        raise failure

    return fail


def _count(visit: Visit, record: Record) -> bool:
    """Count a query. Returns whether the operation may end now."""
    record["polls"] += 1
    if record["polls"] > visit.world.settings.polls:
        visit.machines.lros[record["id"]].polled.set()
    return visit.machines.lros[record["id"]].polled.is_set()


def _new(visit: Visit, resource: str, *, stuck: bool) -> Record:
    record: Record = {
        "id": str(uuid.uuid4()),
        "method": visit.request.head.method,
        "resource": resource,
        "status": "InProgress",
        "startTime": now(),
        "endTime": None,
        "percentComplete": 0.0,
        "error": None,
        "polls": 0,
        "stuck": stuck,
    }
    visit.workspace.v2.operations[record["id"]] = record
    return record


def _shown(record: Record) -> Record:
    names = ("id", "status", "startTime", "endTime", "percentComplete", "error")
    return {"name": record["id"], **{name: record[name] for name in names if record[name] is not None}}


def _headers(visit: Visit, identifier: str, region: str) -> dict[str, str]:
    return {
        "Azure-AsyncOperation": address(visit, identifier, region),
        "Location": address(visit, identifier, region, "mfeOperationResults"),
        "Retry-After": str(visit.world.settings.retry_after),
        "x-ms-async-operation-timeout": "PT1H",
    }


def _found(visit: Visit) -> Record:
    for workspace in _workspaces(visit):
        if visit["operation"] in workspace.v2.operations:
            return workspace.v2.operations[visit["operation"]]
    raise Refusal(404, "NotFound", f"Operation {visit['operation']} was not found")


def _resources(visit: Visit) -> dict[str, Record]:
    """The endpoints and deployments of the workspace that has the operation."""
    workspace = next(item for item in _workspaces(visit) if visit["operation"] in item.v2.operations)
    return {**workspace.v2.endpoints, **workspace.v2.deployments}


def _workspaces(visit: Visit) -> Iterator[Workspace]:
    return (item for item in visit.world.workspaces.values() if item.location == visit["region"])
