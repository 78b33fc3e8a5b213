"""Query an existing service."""

from __future__ import annotations

import time

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
from lading_azureml.log_pages import LONGEST, page
from lading_azureml.port import Service

from . import sent
from .ownership import MODEL, PACKAGE, RELEASE_ID, connection, is_ours, our_service, whose
from .states import state_of

_POLL_INTERVAL = 1.0  # seconds


def status(deployment: Deployment, context: Context) -> Status:
    service = connection(context).workspace.find_service(deployment.service)
    if service is None:
        return Status(state=State.ABSENT)
    if not is_ours(service, deployment):
        return Status(state=State.UNKNOWN, detail=whose(service, context))
    state = state_of(service)
    detail = "" if state is State.RUNNING else str(service.error.get("message") or service.state)
    return Status(
        state=state,
        package_digest=service.tags.get(PACKAGE),
        model_sha256=service.tags.get(MODEL),
        release_id=service.tags.get(RELEASE_ID),
        detail=detail,
    )


def scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri:
    service = connection(context).workspace.find_service(deployment.service)
    if service is None:
        return NoScoringUri(reason=f"the workspace has no service {deployment.service}")
    if not is_ours(service, deployment):
        return NoScoringUri(reason=whose(service, context))
    return (
        ScoringUri(uri=service.scoring_uri)
        if service.scoring_uri
        else NoScoringUri(reason=f"the service is {service.state}")
    )


def logs(request: LogsRequest, context: Context) -> Logs:
    _existing(request.deployment, context)
    lines = connection(context).workspace.service_log(request.deployment.service, max(request.tail, LONGEST))
    return page(lines, request)


def build_log(deployment: Deployment, context: Context) -> Logs:
    """The whole log of the image build of the last create or update. Its address is read again, as it is a secret."""
    workspace, asked = connection(context).workspace, sent.last_operation(context.work)
    operation = workspace.operation(asked, 0) if asked else None
    lines = workspace.build_log(operation.log_url) if operation and operation.log_url else ()
    if not lines:
        lost = "Azure has not kept it" if asked else "this store has requested none"
        raise StageFailed(f"no log of an image build for {deployment.service}: {lost}")
    return Logs(lines=tuple(lines))


def keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys:
    """Raises BadInput for the rotation of a key of a service without keys."""
    service, workspace = _existing(deployment, context), connection(context).workspace
    if rotate is not None:
        if service.auth != "key":
            raise BadInput(f"requests to {deployment.service} carry no key, so none can be rotated")
        context.intend(f"service/{deployment.service}/key/{rotate}")
        _await(workspace.rotate_key(service, rotate), context)
    found = workspace.service_keys(service)
    if found is None:
        return Keys(primary=None)
    return Keys(
        primary=Secret(found.primary),
        secondary=Secret(found.secondary) if found.secondary else None,
        expires=found.expires,
    )


def _existing(deployment: Deployment, context: Context) -> Service:
    service = our_service(deployment, context)
    if service is None:
        raise StageFailed(f"the workspace has no service {deployment.service}", hint="`lading deploy` brings it up")
    return service


def _await(operation: str | None, context: Context) -> None:
    """Wait for a new key. A rotation must not be requested again just to find out whether it is done."""
    while operation and not context.cancelled:
        found = connection(context).workspace.operation(operation, 0)
        if found is None:  # Azure has forgotten it, so nothing more can be learned
            break
        if found.state == "Succeeded":
            return
        if not found.is_running:
            raise StageFailed(f"Azure could not rotate the key: the operation is {found.state.lower()}")
        time.sleep(_POLL_INTERVAL)
    if operation:
        raise OutcomeUnknown("the new key is not ready yet", hint="`lading keys` shows the valid key")
