"""Delete deployments of an endpoint, one after another, or the endpoint with all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from lading import Failed, Pending, StageFailed

from .failing import cause_of
from .operations import Operations, error_of, pending
from .owning import is_ours, workspace_of
from .scaling import unscale

if TYPE_CHECKING:
    from lading import Context, Deployment
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment

ENDPOINT = "endpoint"
"""The subject of the operations of an endpoint."""
DELETION = f"{ENDPOINT}/delete"
"""The subject of its deletion."""
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
    """Delete our deployments that are not in `keep`, one after another; None at the end.

    One that Azure does not delete stays without requests, and a warning names it.
    """
    others = [each for each in found if each.name not in keep and is_ours(each.tags, deployment)]
    waiting = _waiting(others, found, deployment.service, context, operations) if others else None
    if waiting is not None:
        return waiting
    failures: dict[str, str] = {}
    for each in others:
        try:
            return _delete(each, deployment.service, context, operations)
        except StageFailed as error:
            failures[each.name] = error.message
    for name, message in failures.items():  # only at the end: until then, their operations show what has failed
        operations.forget(_subject(name))
        context.warn(f"deployment {name} without requests stays, and costs money: {message}")
    return None


def _waiting(
    others: Sequence[OnlineDeployment],
    found: Sequence[OnlineDeployment],
    service: str,
    context: Context,
    operations: Operations,
) -> Pending | None:
    """The step while Azure deletes one of the others, or changes a deployment."""
    for each in others:
        operation = operations.find(_subject(each.name))
        is_running = operation is not None and operation.is_running
        if is_running or each.is_leaving:
            unscale(service, each, context, again=True)
        if is_running:
            return pending(_PHASE, f"{each.name} is {each.state}", operation)
    return busy(found)


def _delete(other: OnlineDeployment, service: str, context: Context, operations: Operations) -> Pending:
    """Request the deletion of a deployment. Raises StageFailed if Azure refuses it, or has failed to do it.

    The autoscale setting goes after it: a deployment that stays keeps its limits.
    """
    subject = _subject(other.name)
    operation = operations.find(subject)
    if operation or operations.is_hidden(subject):
        raise StageFailed(cause_of(error_of(operation), f"deleting deployment {other.name}").reason)
    context.intend(f"endpoint/{service}/{other.name}/delete")
    wait = operations.keep(subject, workspace_of(context).delete_deployment(service, other.name))
    unscale(service, other, context)
    return Pending(phase=_PHASE, detail=other.name, retry_after=wait)


def _subject(name: str) -> str:
    return f"{name}/delete"


def clear_endpoint(
    endpoint: Endpoint, found: Sequence[OnlineDeployment], context: Context, operations: Operations
) -> Pending | Failed:
    """Delete an endpoint of ours with its deployments, and then their autoscale settings: an endpoint that stays keeps
    its limits. Raises StageFailed if Azure refuses the request.
    """
    phase = "deleting the endpoint"
    operation = operations.find(DELETION)
    is_running = operation is not None and operation.is_running
    if endpoint.is_leaving or is_running:
        _unscale(endpoint, found, context, again=True)
    if endpoint.is_busy or is_running:
        return pending(phase, f"it is {endpoint.state}", operation)
    if operation or operations.is_hidden(DELETION):
        operations.forget(DELETION)
        return Failed(reason=cause_of(error_of(operation), phase).reason)
    waiting = busy(found)
    if waiting is not None:
        return waiting
    context.intend(f"endpoint/{endpoint.name}/delete")
    wait = operations.keep(DELETION, workspace_of(context).delete_endpoint(endpoint.name))
    _unscale(endpoint, found, context)
    return Pending(phase=phase, detail=endpoint.name, retry_after=wait)


def _unscale(endpoint: Endpoint, found: Sequence[OnlineDeployment], context: Context, *, again: bool = False) -> None:
    for each in found:
        unscale(endpoint.name, each, context, again=again)
