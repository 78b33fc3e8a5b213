"""What can be asked of a service that is there, and its end."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from lading import (
    BadInput,
    Context,
    Deployment,
    Keys,
    Logs,
    LogsRequest,
    NoScoringUri,
    OutcomeUnknown,
    ScoringUri,
    Secret,
    StageFailed,
    State,
    Status,
)
from lading_azureml.port import Service

from .ownership import MODEL, PACKAGE, connection, is_ours, our_service, whose

_STATES = {
    "healthy": State.RUNNING,
    "transitioning": State.PENDING,
    "updating": State.PENDING,
    "deleting": State.PENDING,
    "unhealthy": State.FAILED,
    "failed": State.FAILED,
    "unschedulable": State.FAILED,
    "stopped": State.STOPPED,
}
_MARK = 3  # lines that tell where a reader of a log was
_ALL = 5000  # lines of a log that Azure keeps at hand
_POLL = 1.0  # seconds


def status(deployment: Deployment, context: Context) -> Status:
    service = connection(context).workspace.find_service(deployment.service)
    if service is None:
        return Status(State.ABSENT)
    if not is_ours(service, deployment):
        return Status(State.UNKNOWN, detail=whose(service, context))
    state = _STATES.get(service.state, State.UNKNOWN)
    detail = "" if state is State.RUNNING else str(service.error.get("message") or service.state)
    return Status(state, service.tags.get(PACKAGE), service.tags.get(MODEL), detail)


def scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri:
    service = connection(context).workspace.find_service(deployment.service)
    if service is None:
        return NoScoringUri(f"there is no service {deployment.service} in the workspace")
    if not is_ours(service, deployment):
        return NoScoringUri(whose(service, context))
    return ScoringUri(service.scoring_uri) if service.scoring_uri else NoScoringUri(f"the service is {service.state}")


def logs(request: LogsRequest, context: Context) -> Logs:
    _existing(request.deployment, context)
    lines = connection(context).workspace.service_log(request.deployment.service, max(request.tail, _ALL))
    mark = json.dumps(lines[-_MARK:])
    new = _after(lines, json.loads(request.cursor)) if request.cursor else lines[len(lines) - request.tail :]
    return Logs(tuple(new if request.tail or request.cursor else ()), mark)


def _after(lines: Sequence[str], mark: list[str]) -> Sequence[str]:
    """The lines after the last place where those of `mark` stand; all of them where they stand nowhere."""
    size = len(mark)
    places = (end for end in range(len(lines), size - 1, -1) if list(lines[end - size : end]) == mark)
    return lines[next(places, 0) :]


def keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys:
    """Raises BadInput where a key is to be made anew of a service that has none."""
    service, workspace = _existing(deployment, context), connection(context).workspace
    if rotate is not None:
        if service.auth != "key":
            raise BadInput(f"requests to {deployment.service} carry no key that could be made anew")
        context.intend(f"service/{deployment.service}/key/{rotate}")
        _await(workspace.rotate_key(service, rotate), context)
    found = workspace.service_keys(service)
    if found is None:
        return Keys(None)
    return Keys(Secret(found.primary), Secret(found.secondary) if found.secondary else None, found.expires)


def delete(deployment: Deployment, context: Context) -> Status:
    service = our_service(deployment, context)
    if service is None:
        return Status(State.ABSENT)
    if service.state != "deleting":
        context.intend(f"service/{deployment.service}/delete")
        connection(context).workspace.delete_service(deployment.service)
    return Status(State.PENDING, detail="Azure is deleting it")


def _existing(deployment: Deployment, context: Context) -> Service:
    service = our_service(deployment, context)
    if service is None:
        raise StageFailed(
            f"there is no service {deployment.service} in the workspace", hint="`lading deploy` brings it up"
        )
    return service


def _await(operation: str | None, context: Context) -> None:
    """Wait for a new key: a rotation cannot be asked for again to find out whether it is done."""
    while operation and not context.cancelled:
        state = connection(context).workspace.operation(operation, 0).state
        if state == "Succeeded":
            return
        if state in ("Failed", "Cancelled", "TimedOut"):
            raise StageFailed(f"Azure could not make the key anew: the operation is {state.lower()}")
        time.sleep(_POLL)
    if operation:
        raise OutcomeUnknown("the new key is not ready yet", hint="`lading keys` shows the one that counts")
