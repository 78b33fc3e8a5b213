"""What a target does: one step at a time, and what it can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ...model import (
        Context,
        Deployment,
        DeployRequest,
        DeployStep,
        Keys,
        Logs,
        LogsRequest,
        NoScoringUri,
        ScoringUri,
        Status,
    )


@hookspec(firstresult=True)
def lading_deploy(request: DeployRequest, context: Context) -> DeployStep | None:
    """Take one idempotent step towards `request.package` being served; called again until it ends.

    A step reads what is there, does the next thing that is missing, and returns without waiting. A target that keeps
    the old release serving answers `Candidate` first, and is called with `request.verdict` once the framework has asked
    the golden requests there; others answer `Ready` and are asked where they serve.

    Example:
        >>> @hookimpl
        ... def lading_deploy(request, context):
        ...     crane = find(request.deployment.service)
        ...     if crane is None or crane.digest != request.package.digest:
        ...         context.intend(f"crane/{request.deployment.service}")
        ...         lift(request.package, tags=request.tags)
        ...         return Pending("lifting")
        ...     return Ready() if crane.up else Pending("starting")

    Returns:
        Pending, Candidate, Ready or Failed.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | None:
    """Say where a deployment answers.

    Example:
        >>> @hookimpl
        ... def lading_scoring_uri(deployment):
        ...     crane = find(deployment.service)
        ...     return ScoringUri(crane.uri) if crane else NoScoringUri("no crane of that name")

    Returns:
        The address, or the reason why there is none. It never raises for a deployment that does not exist.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_status(deployment: Deployment, context: Context) -> Status | None:
    """Read what the target says of a deployment. Capability `status`.

    Example:
        >>> @hookimpl
        ... def lading_status(deployment):
        ...     crane = find(deployment.service)
        ...     return Status(State.RUNNING, package_digest=crane.digest) if crane else Status(State.ABSENT)

    Returns:
        The state, with the digests from the target's own tags.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_logs(request: LogsRequest, context: Context) -> Logs | None:
    """Read the log of a deployment. Capability `logs`. Following is the framework's: it asks again with the cursor.

    Example:
        >>> @hookimpl
        ... def lading_logs(request):
        ...     return Logs(lines=find(request.deployment.service).lines[-request.tail :])

    Returns:
        The lines, and the cursor to go on from.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys | None:
    """Read the keys that a request must carry as `Authorization: Bearer`. Capability `keys`.

    `rotate` is `primary` or `secondary` where that one is to be made anew first, and is only asked of a target with the
    capability `rotate_keys`.

    Example:
        >>> @hookimpl
        ... def lading_keys(deployment):
        ...     return Keys(primary=Secret(find(deployment.service).key))

    Returns:
        The keys, as secrets.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_delete(deployment: Deployment, context: Context) -> Status | None:
    """Take one idempotent step towards the deployment being gone. Capability `delete`.

    Example:
        >>> @hookimpl
        ... def lading_delete(deployment):
        ...     remove(deployment.service)
        ...     return Status(State.ABSENT)

    Returns:
        The state after the step; it is called again until that is `absent`.

    History:
        since api 1
    """
