"""The target `container`: the package's image in a container on a Docker or Podman engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Capability, Description, ImageNeed, NoScoringUri, ScoringUri, State, Status, hookimpl

from .options import ContainerOptions

if TYPE_CHECKING:  # a deploy with nothing to do needs only the status
    from lading import (
        Context,
        DeleteStep,
        Deployment,
        DeployRequest,
        DeployStep,
        InvokeAnswer,
        InvokeRequest,
        Keys,
        Listing,
        Logs,
        LogsRequest,
        Metrics,
        PlanFindings,
        PlanRequest,
        PreflightRequest,
        TargetFindings,
    )

    from .containers import Container


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="a container on a Docker or Podman engine",
        api=1,
        options=ContainerOptions,
        capabilities=frozenset(
            {
                Capability.STATUS,
                Capability.LOGS,
                Capability.KEYS,
                Capability.ROTATE_KEYS,
                Capability.LOGS_SINCE,
                Capability.METRICS,
                Capability.DELETE,
                Capability.LIST,
                Capability.PREFLIGHT,
                Capability.PLAN,
                Capability.INVOKE,
                Capability.SCORING_URI,
                Capability.KEEPS_OLD_RELEASE,
            }
        ),
        image=ImageNeed.BUILT,
        switch_gap="an engine cannot give the port of a running container to another one",
    )


@hookimpl
def lading_deploy(request: DeployRequest[ContainerOptions], context: Context) -> DeployStep:
    from .deploying import step

    return step(request, context)


@hookimpl
def lading_scoring_uri(deployment: Deployment[ContainerOptions]) -> ScoringUri | NoScoringUri:
    from .containers import serving

    return _scoring_uri(serving(deployment), networked=deployment.options.network is not None)


def _scoring_uri(found: Container | None, *, networked: bool) -> ScoringUri | NoScoringUri:
    if found is None:
        return NoScoringUri(reason="it has no container")
    if found.state != "running" or found.uri is None:
        return NoScoringUri(reason=f"the container {found.name} is {found.state}; `lading deploy` starts it again")
    internal = f"{found.scheme}://{found.name}:5001/score" if networked else None
    return ScoringUri(uri=found.uri, internal=internal, needs_key=found.asks_for_key)


@hookimpl
def lading_invoke(request: InvokeRequest[ContainerOptions]) -> InvokeAnswer | None:
    if request.uri.startswith("http:"):
        return None
    from .invoking import answer

    return answer(request)


@hookimpl
def lading_status(deployment: Deployment) -> Status:
    from .containers import serving

    return _status(serving(deployment))


def _status(found: Container | None) -> Status:
    if found is None:
        return Status(state=State.ABSENT)
    from .restarts import explained

    return Status(
        state=found.standing,
        package_digest=found.labels.get("lading.package"),
        model_sha256=found.labels.get("lading.model"),
        release_id=found.labels.get("lading.release-id"),
        detail=explained(found),
    )


@hookimpl
def lading_logs(request: LogsRequest) -> Logs:
    from .logs import read_log

    return read_log(request)


@hookimpl
def lading_keys(deployment: Deployment[ContainerOptions], context: Context, rotate: str | None) -> Keys:
    from .keys import keys

    return keys(deployment, context, rotate)


@hookimpl
def lading_metrics(deployment: Deployment, context: Context) -> Metrics:
    from .containers import serving
    from .measuring import metrics

    return metrics(serving(deployment), context)


@hookimpl
def lading_delete(deployment: Deployment, context: Context) -> DeleteStep:
    from .deleting import delete

    return delete(deployment, context)


@hookimpl
def lading_list() -> Listing:
    from .containers import everything

    return everything()


@hookimpl
def lading_preflight(request: PreflightRequest[ContainerOptions]) -> TargetFindings:
    from .preflight import findings

    return findings(request.deployment, request.image)


@hookimpl
def lading_plan(request: PlanRequest[ContainerOptions]) -> PlanFindings:
    from .planning import findings

    return findings(request)
