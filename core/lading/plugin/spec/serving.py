"""The hooks of targets: deploy and delete in steps, and questions about a deployment."""

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
        Keys,
        Listing,
        ListRequest,
        Logs,
        LogsRequest,
        NoScoringUri,
        PlanFindings,
        PlanRequest,
        PreflightRequest,
        ScoringUri,
        Status,
        TargetFindings,
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
def lading_scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | None:
    """Return the address of a deployment.

    Example:
        >>> @hookimpl
        ... def lading_scoring_uri(deployment):
        ...     server = find(deployment.service)
        ...     return ScoringUri(uri=server.uri) if server else NoScoringUri(reason="no server of that name")

    Returns:
        The address, or the reason for a missing address. It never raises for a deployment that does not exist.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_status(deployment: Deployment, context: Context) -> Status | None:
    """Read the status of a deployment from the target. Capability `status`.

    Example:
        >>> @hookimpl
        ... def lading_status(deployment):
        ...     server = find(deployment.service)
        ...     if server is None:
        ...         return Status(state=State.ABSENT)
        ...     return Status(state=State.RUNNING, package_digest=server.digest)

    Returns:
        The state, with the digests from the target's own tags.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_logs(request: LogsRequest, context: Context) -> Logs | None:
    """Read the log of a deployment. Capability `logs`. To follow a log, the framework asks again with the cursor.

    Example:
        >>> @hookimpl
        ... def lading_logs(request):
        ...     return Logs(lines=find(request.deployment.service).lines[-request.tail :])

    Returns:
        The lines, and the cursor to continue from.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys | None:
    """Read the keys that a request must carry as `Authorization: Bearer`. Capability `keys`.

    If `rotate` is `primary` or `secondary`, rotate that key first. It is set only for a target with the capability
    `rotate_keys`.

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


@hookspec(firstresult=True)
def lading_list(request: ListRequest, context: Context) -> Listing | None:
    """List everything on the platform that has Lading's tags. Capability `list`.

    The platform is that of the target block: its connection, its engine, its machine. Objects of other services and of
    other stores belong to the list, as do those that an interrupted deploy left behind. Files that somebody may have
    planted, and objects without Lading's tags, do not.

    Example:
        >>> @hookimpl
        ... def lading_list(request):
        ...     servers = (server for server in all_servers() if "lading.service" in server.tags)
        ...     return Listing(objects=tuple(listed(server) for server in servers))

    Returns:
        The objects. It is empty for a platform that has none, and never raises for a deployment that does not exist.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_preflight(request: PreflightRequest, context: Context) -> TargetFindings | None:
    """Find problems of a deploy before anything is made. Capability `preflight`.

    Report the problems that `lading_deploy` would fail with: a permission, a quota, a name or port in use, an image for
    another platform. The hook has no effect. A deploy calls it before it trains, but not if it has nothing to do. An
    error of a finding ends the deploy with exit code 6. Raise `Transient` if the platform does not answer.

    Example:
        >>> @hookimpl
        ... def lading_preflight(request):
        ...     if free_places() > 0:
        ...         return TargetFindings()
        ...     full = TargetFinding(message="the region is full", option="region", hint="name another region")
        ...     return TargetFindings(findings=(full,))

    Returns:
        The findings; empty if no problem of the deploy is known.

    History:
        since api 1
    """


@hookspec(firstresult=True)
def lading_plan(request: PlanRequest, context: Context) -> PlanFindings | None:
    """Report the effects of a change of a deployment, without any effect. Capability `plan`.

    It is called without a connection, because a plan should need no sign-in: `context.connection` is None. Compare the
    block of the release that is up with the new one. `lading plan` shows the findings. `lading deploy` calls it too. A
    refused change ends the deploy with exit code 3 before it trains.

    Example:
        >>> @hookimpl
        ... def lading_plan(request):
        ...     if request.up is None or request.up.written.get("region") == request.deployment.options.region:
        ...         return PlanFindings()
        ...     moved = PlanFinding(message="a server cannot move", effect=PlanEffect.REFUSED, option="region")
        ...     return PlanFindings(findings=(moved,))

    Returns:
        The findings; none if the new release follows the old one without a gap, at the same place.

    History:
        since api 1
    """
