"""The target `local`: a scoring server on this machine, with a supervisor that runs after the command has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Capability, Description, hookimpl
from lading_serving.control import NOTHING, ControlFolder

from .folder import opened, scoring_uri, status
from .options import LocalOptions

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
        ListRequest,
        Logs,
        LogsRequest,
        Metrics,
        NoScoringUri,
        PlanFindings,
        PlanRequest,
        PreflightRequest,
        ScoringUri,
        ShiftRequest,
        ShiftStep,
        Status,
        TargetFindings,
    )


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="a scoring server on this machine",
        api=1,
        options=LocalOptions,
        capabilities=frozenset(
            {
                Capability.STATUS,
                Capability.LOGS,
                Capability.KEYS,
                Capability.ROTATE_KEYS,
                Capability.LOGS_SINCE,
                Capability.RELEASE_LOGS,
                Capability.METRICS,
                Capability.DELETE,
                Capability.LIST,
                Capability.PREFLIGHT,
                Capability.PLAN,
                Capability.TRAFFIC,
                Capability.SHADOW,
                Capability.INVOKE,
                Capability.SCORING_URI,
                Capability.KEEPS_OLD_RELEASE,
            }
        ),
    )


@hookimpl
def lading_deploy(request: DeployRequest[LocalOptions], context: Context) -> DeployStep:
    from .deploying import step

    return step(request, context)


@hookimpl
def lading_shift(request: ShiftRequest[LocalOptions], context: Context) -> ShiftStep:
    from .shifting import step

    return step(request, context)


@hookimpl
def lading_scoring_uri(context: Context) -> ScoringUri | NoScoringUri:
    with opened(context) as folder:
        return scoring_uri(folder)


@hookimpl
def lading_invoke(request: InvokeRequest[LocalOptions], context: Context) -> InvokeAnswer | None:
    if request.uri.startswith("http:"):
        return None
    from .invoking import answer

    with opened(context) as folder:
        return answer(folder, request, context)


@hookimpl
def lading_status(context: Context) -> Status:
    with opened(context) as folder:
        return status(folder)


@hookimpl
def lading_logs(request: LogsRequest, context: Context) -> Logs:
    from .logs import read_log

    with opened(context) as folder:
        return read_log(folder, request.tail, request.cursor, request.since, request.release)


@hookimpl
def lading_metrics(deployment: Deployment, context: Context) -> Metrics:
    from .measuring import metrics

    with opened(context) as folder:
        return metrics(folder, deployment, context)


@hookimpl
def lading_keys(deployment: Deployment[LocalOptions], context: Context, rotate: str | None) -> Keys:
    from .keys import keys

    with opened(context) as folder:
        return keys(folder, deployment, context, rotate)


@hookimpl
def lading_delete(deployment: Deployment, context: Context) -> DeleteStep:
    with opened(context) as folder:
        return _delete(folder, deployment, context)


def _delete(folder: ControlFolder, deployment: Deployment, context: Context) -> DeleteStep:
    from lading import Done, Pending

    with folder.unsupervised() as unsupervised:
        if unsupervised:
            from .leftovers import refuse_leftovers
            from .releases import remove_everything

            refuse_leftovers(folder)
            remove_everything(folder)
            return Done()
    # No process is signalled: a supervisor exits when nothing is desired, and the lock shows when it has exited.
    if folder.desired() == NOTHING:
        folder.wake()  # a killed command may have written the desired state without waking the supervisor
    else:
        context.intend(f"local/{deployment.service}/delete")
        folder.desire(NOTHING)
    return Pending(phase="draining", retry_after=0.2)


@hookimpl
def lading_list(request: ListRequest, context: Context) -> Listing:
    from .listing import everything

    return everything(request.deployment, context)


@hookimpl
def lading_preflight(request: PreflightRequest[LocalOptions], context: Context) -> TargetFindings:
    from .preflight import findings

    return findings(request.deployment, context)


@hookimpl
def lading_plan(request: PlanRequest[LocalOptions], context: Context) -> PlanFindings:
    from .planning import findings

    return findings(request, context)
