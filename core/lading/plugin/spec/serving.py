"""The hooks of targets that change a deployment, in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ...model import (
        Context,
        DeleteStep,
        Deployment,
        DeployRequest,
        DeployStep,
        ShiftRequest,
        ShiftStep,
    )


@hookspec(firstresult=True)
def lading_deploy(request: DeployRequest, context: Context) -> DeployStep | None:
    """Take one idempotent step towards `request.package` being served; called again until it ends.

    A step reads the present state, does the next missing thing, and returns without waiting. A target that keeps
    the old release serving returns `Candidate` first. The framework sends the golden requests there, and calls
    again with `request.verdict`. While nothing answers there yet, it calls again without a verdict, for up to two
    minutes. Other targets return `Ready`, and then get the golden requests. After a verdict that is not `up`, a
    target removes the new release and returns `Failed`. `Ready` is verified: `lading_status` must show this
    package.

    With `request.beside`, the release comes up beside the one that serves, which keeps all requests. Another release
    beside it, of an earlier attempt, is removed. `lading_status` must then show both in `releases`. Without
    `request.beside`, the new release ends up as the only one.

    Example:
        >>> @hookimpl
        ... def lading_deploy(request, context):
        ...     server = find(request.deployment.service)
        ...     if server is None or server.digest != request.package.digest:
        ...         context.intend(f"server/{request.deployment.service}")
        ...         lift(request.package, tags=request.tags)
        ...         return Pending(phase="lifting")
        ...     return Ready() if server.up else Pending(phase="starting")

    Returns:
        Pending, Candidate, Ready or Failed.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_shift(request: ShiftRequest, context: Context) -> ShiftStep | None:
    """Take one idempotent step towards exactly `request.shares`; called again until it ends. Capability `traffic`.

    Each release with a share serves already. A release without a share gets no more requests, answers its open ones,
    and is removed. No request fails. So the same hook changes a weight, promotes a canary (its share alone) and aborts
    one (the share of the stable release alone). If a release with a share does not exist, return Failed and change
    nothing. Done is verified: `lading_status` must show exactly these shares in `releases`.

    Example:
        >>> @hookimpl
        ... def lading_shift(request, context):
        ...     router = find(request.deployment.service).router
        ...     if router.shares != request.shares:
        ...         context.intend(f"router/{request.deployment.service}/shares")
        ...         router.share_out(request.shares)
        ...         return Pending(phase="shifting the requests")
        ...     for server in router.servers_without_share():
        ...         server.take_down()
        ...         return Pending(phase="taking down the other release", retry_after=5)
        ...     return Done()

    Returns:
        Pending, Done or Failed.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_delete(deployment: Deployment, context: Context) -> DeleteStep | None:
    """Take one idempotent step towards the deployment being gone; called again until it ends. Capability `delete`.

    A step reads what is there, removes the next thing, and returns without waiting. So the same command, after an
    interrupt, continues the delete. Once it is `Done`, `lading_status` must answer `absent`. Lading asks for it
    then, again while it is `pending`; any other status ends the delete with exit code 6.

    Example:
        >>> @hookimpl
        ... def lading_delete(deployment, context):
        ...     server = find(deployment.service)
        ...     if server is None:
        ...         return Done()
        ...     if not server.is_going:
        ...         context.intend(f"server/{deployment.service}/delete")
        ...         server.take_down()
        ...     return Pending(phase="taking it down", retry_after=5)

    Returns:
        Pending, Done or Failed. Done also if there was nothing to delete. After Failed the release stays as it was.

    History:
        since api 1
    """
