"""Delete an endpoint with its deployments: one request, and then the operation that Azure reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Done, Failed, Pending
from lading_azureml.text import reason

from .operations import Operations, error_of, pending
from .owning import is_ours, our_endpoint, workspace_of

if TYPE_CHECKING:
    from lading import Context, DeleteStep, Deployment

_SUBJECT, _PHASE = "endpoint", "deleting the endpoint"


def delete(deployment: Deployment, context: Context) -> DeleteStep:
    """Request the deletion of the endpoint once, and check until it is gone, which takes minutes."""
    workspace, endpoint = workspace_of(context), our_endpoint(deployment, context)
    operations = Operations(context, workspace, "delete")
    if endpoint is None:
        operations.forget(_SUBJECT)
        return Done()
    operation = operations.find(_SUBJECT)
    if endpoint.is_busy or (operation and operation.is_running):
        return pending(_PHASE, f"it is {endpoint.state}", operation)
    if operation or operations.is_hidden(_SUBJECT):
        operations.forget(_SUBJECT)
        return Failed(reason=f"Azure did not delete it: {reason(error_of(operation))}")
    found = workspace.deployments(endpoint.name)
    busy = next((each for each in found if each.is_busy), None)
    if busy is not None:
        return pending("waiting for a deployment", f"{busy.name} is {busy.state}", None)
    foreign = [each.name for each in found if not is_ours(each.tags, deployment)]
    if foreign:
        return Failed(reason=f"Lading has not made its deployments {', '.join(foreign)}: delete them first")
    context.intend(f"endpoint/{endpoint.name}/delete")
    wait = operations.keep(_SUBJECT, workspace.delete_endpoint(endpoint.name))
    return Pending(phase=_PHASE, detail=endpoint.name, retry_after=wait)
