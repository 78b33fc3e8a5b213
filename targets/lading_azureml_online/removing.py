"""Delete an endpoint with its deployments: one request, and then the operation that Azure reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Done, Failed

from .clearing import DELETION, clear_endpoint
from .operations import Operations
from .owning import is_ours, our_endpoint, workspace_of

if TYPE_CHECKING:
    from lading import Context, DeleteStep, Deployment


def delete(deployment: Deployment, context: Context) -> DeleteStep:
    """Request the deletion of the endpoint once, and check until it is gone, which takes minutes."""
    workspace, endpoint = workspace_of(context), our_endpoint(deployment, context)
    operations = Operations(context, workspace, "delete")
    if endpoint is None:
        operations.forget(DELETION)
        return Done()
    found = workspace.deployments(endpoint.name)
    foreign = [each.name for each in found if not is_ours(each.tags, deployment)]
    if foreign and not endpoint.is_leaving:
        return Failed(reason=f"Lading has not made its deployments {', '.join(foreign)}: delete them first")
    return clear_endpoint(endpoint, found, context, operations)
