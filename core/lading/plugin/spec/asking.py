"""The hooks of targets that answer questions about a deployment and about their platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ...model import (
        Context,
        Deployment,
        DeployRequest,
        Ejected,
        InvokeAnswer,
        InvokeRequest,
        Keys,
        Listing,
        ListRequest,
        Logs,
        LogsRequest,
        Metrics,
        NoScoringUri,
        PlanFindings,
        PlanRequest,
        PreflightRequest,
        ScoringUri,
        Status,
        TargetFindings,
    )


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
def lading_metrics(deployment: Deployment, context: Context) -> Metrics | None:
    """Read the figures of the releases that run: requests, errors and times. Capability `metrics`.

    `total` only grows while a release runs. Return soon: `lading status` asks many services, and waits for a few
    seconds at most. Raise `Transient` if the service does not answer, and `StageFailed` if it has no figures to show.

    Example:
        >>> @hookimpl
        ... def lading_metrics(deployment):
        ...     seen = find(deployment.service).counters
        ...     latency = Latency(bounds=(0.1, 1.0), counts=(seen.quick, seen.slow, seen.slower))
        ...     total = Figures(requests=seen.requests, errors=seen.errors, latency=latency)
        ...     return Metrics(releases=(ReleaseMetrics(release_id=seen.release_id, total=total),))

    Returns:
        The figures of each release. A release that is not among them has none.

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
def lading_invoke(request: InvokeRequest, context: Context) -> InvokeAnswer | None:
    """Send a request to a service and return its answer. Capability `invoke`.

    For a target that a plain HTTP request with a key cannot reach: a private network, signed requests, another
    protocol. All requests of the framework pass here: golden requests, probes, `lading score`, `lading compare` and
    `lading forward`. Raise `Transient` if nothing answers in time. Several threads call the hook at once.

    Example:
        >>> @hookimpl
        ... def lading_invoke(request):
        ...     if not request.uri.startswith(GATEWAY):
        ...         return None
        ...     answer = gateway().send(request.uri, request.body, timeout=request.timeout)
        ...     return InvokeAnswer(status=answer.status, body=answer.body, headers=answer.headers)

    Returns:
        The answer with any status. None if the framework must send the request over HTTP.

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


@hookspec(firstresult=True)
def lading_eject(request: DeployRequest, context: Context) -> Ejected | None:
    """Write a release as files of the platform, which serve it without Lading. Capability `eject`.

    `request` is that of a deploy, without a verdict. The names of the objects, their tags and their options are those
    of the deploy, so that nothing changes if the files are applied to the service that is up. The hook has no effect.
    Write each secret as `${NAME}`. The framework does the same with all values of variables that a file still has.

    Example:
        >>> @hookimpl
        ... def lading_eject(request):
        ...     about = {"image": request.image.reference, "tags": dict(request.tags), "password": "${PASSWORD}"}
        ...     files = {"server.json": json.dumps(about)}
        ...     return Ejected(files=files, commands=("servers apply server.json",))

    Returns:
        The files and the commands that apply them.

    History:
        since api 1
    """
