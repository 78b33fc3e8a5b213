"""Delete deployments of an endpoint, one after another, or the endpoint with all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from lading import Pending, StageFailed

from .failing import cause_of
from .operations import Operations, error_of, pending
from .owning import is_ours, workspace_of

if TYPE_CHECKING:
    from lading import Context, Deployment
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment

ENDPOINT = "endpoint"
"""The subject of the operations of an endpoint."""
_PHASE = "deleting the deployment"


def busy(found: Sequence[OnlineDeployment]) -> Pending | None:
    """The step while Azure changes a deployment, such as one of a command that was killed. It then accepts no other
    change of the endpoint.
    """
    changing = next((each for each in found if each.is_busy), None)
    if changing is None:
        return None
    return pending("waiting for another deployment", f"{changing.name} is {changing.state}", None)


def clear(
    found: Sequence[OnlineDeployment],
    keep: Collection[str],
    deployment: Deployment,
    context: Context,
    operations: Operations,
) -> Pending | None:
    """Delete the next deployment of ours that is not in `keep`; None if there is none.

    Raises StageFailed if Azure does not delete it.
    """
    other = next((each for each in found if each.name not in keep and is_ours(each.tags, deployment)), None)
    if other is None:
        return None
    subject = f"{other.name}/delete"
    operation = operations.find(subject)
    if operation and operation.is_running:
        return pending(_PHASE, f"{other.name} is {other.state}", operation)
    waiting = busy(found)
    if waiting is not None:
        return waiting
    if operation or operations.is_hidden(subject):
        operations.forget(subject)
        raise StageFailed(cause_of(error_of(operation), f"deleting deployment {other.name}").reason)
    context.intend(f"endpoint/{deployment.service}/{other.name}/delete")
    started = workspace_of(context).delete_deployment(deployment.service, other.name)
    return Pending(phase=_PHASE, detail=other.name, retry_after=operations.keep(subject, started))


def clear_endpoint(
    endpoint: Endpoint, found: Sequence[OnlineDeployment], context: Context, operations: Operations
) -> Pending:
    """Delete an endpoint of ours with its deployments. Raises StageFailed if Azure does not delete it."""
    phase, subject = "deleting the endpoint", f"{ENDPOINT}/delete"
    operation = operations.find(subject)
    if endpoint.is_busy or (operation and operation.is_running):
        return pending(phase, endpoint.name, operation)
    if operation or operations.is_hidden(subject):
        operations.forget(subject)
        raise StageFailed(cause_of(error_of(operation), phase).reason)
    waiting = busy(found)
    if waiting is not None:
        return waiting
    context.intend(f"endpoint/{endpoint.name}/delete")
    wait = operations.keep(subject, workspace_of(context).delete_endpoint(endpoint.name))
    return Pending(phase=phase, detail=endpoint.name, retry_after=wait)
