"""The target `kubernetes`: pods with the package's image behind a Service, on any cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lading import Capability, Description, ImageNeed, PluginError, hookimpl

from .options import KubernetesOptions

if TYPE_CHECKING:  # a deploy with nothing to do needs only the status
    from lading import (
        Context,
        DeleteStep,
        Deployment,
        DeployRequest,
        DeployStep,
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
        ShiftRequest,
        ShiftStep,
        Status,
        TargetFindings,
    )

    from .rest import Cluster


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="pods behind a Service, on any Kubernetes cluster",
        api=1,
        options=KubernetesOptions,
        capabilities=frozenset(
            {
                Capability.STATUS,
                Capability.LOGS,
                Capability.LOGS_SINCE,
                Capability.KEYS,
                Capability.ROTATE_KEYS,
                Capability.DELETE,
                Capability.LIST,
                Capability.SCORING_URI,
                Capability.INVOKE,
                Capability.METRICS,
                Capability.PREFLIGHT,
                Capability.PLAN,
                Capability.EJECT,
                Capability.TRAFFIC,
                Capability.KEEPS_OLD_RELEASE,
            }
        ),
        image=ImageNeed.BUILT,
    )


@hookimpl
def lading_deploy(request: DeployRequest[KubernetesOptions], context: Context) -> DeployStep:
    from .deploying import step

    with _cluster(request.deployment.options, context) as cluster:
        return step(request, context, cluster)


@hookimpl
def lading_shift(request: ShiftRequest[KubernetesOptions], context: Context) -> ShiftStep:
    from .shifting import step

    with _cluster(request.deployment.options, context) as cluster:
        return step(request, context, cluster)


@hookimpl
def lading_scoring_uri(deployment: Deployment[KubernetesOptions], context: Context) -> ScoringUri | NoScoringUri:
    from .asking import scoring_uri

    with _cluster(deployment.options, context) as cluster:
        return scoring_uri(deployment, cluster)


@hookimpl
def lading_status(deployment: Deployment[KubernetesOptions], context: Context) -> Status:
    from .asking import status

    with _cluster(deployment.options, context) as cluster:
        return status(deployment, context, cluster)


@hookimpl
def lading_logs(request: LogsRequest[KubernetesOptions], context: Context) -> Logs:
    from .logs import read_log

    with _cluster(request.deployment.options, context) as cluster:
        return read_log(request, cluster)


@hookimpl
def lading_metrics(deployment: Deployment[KubernetesOptions], context: Context) -> Metrics:
    from .measuring import metrics

    with _cluster(deployment.options, context) as cluster:
        return metrics(deployment, context, cluster)


@hookimpl
def lading_keys(deployment: Deployment[KubernetesOptions], context: Context, rotate: str | None) -> Keys:
    from .keys import keys

    with _cluster(deployment.options, context) as cluster:
        return keys(cluster, deployment, context, rotate)


@hookimpl
def lading_invoke(request: InvokeRequest[KubernetesOptions], context: Context) -> InvokeAnswer | None:
    from .invoking import invoke

    with _cluster(request.deployment.options, context) as cluster:
        return invoke(request, cluster)


@hookimpl
def lading_delete(deployment: Deployment[KubernetesOptions], context: Context) -> DeleteStep:
    from .removing import delete

    with _cluster(deployment.options, context) as cluster:
        return delete(deployment, context, cluster)


@hookimpl
def lading_list(request: ListRequest[KubernetesOptions], context: Context) -> Listing:
    from .asking import everything

    with _cluster(request.deployment.options, context) as cluster:
        return everything(cluster)


@hookimpl
def lading_preflight(request: PreflightRequest[KubernetesOptions], context: Context) -> TargetFindings:
    from .preflight import findings

    with _cluster(request.deployment.options, context) as cluster:
        return findings(request.deployment, cluster)


@hookimpl
def lading_plan(request: PlanRequest[KubernetesOptions], context: Context) -> PlanFindings:
    from .planning import findings

    return findings(request, lambda: _cluster(request.deployment.options, context))


@hookimpl
def lading_eject(request: DeployRequest[KubernetesOptions], context: Context) -> Ejected:
    from .ejecting import eject

    with _cluster(request.deployment.options, context) as cluster:
        return eject(request, cluster)


@contextmanager
def _cluster(options: KubernetesOptions, context: Context) -> Iterator[Cluster]:
    """The cluster of a deployment, for one step. Raises PluginError if the extra is not installed."""
    try:
        from .rest import connect
    except ImportError as error:
        raise PluginError("the target 'kubernetes' needs lightkube", hint="pip install 'lading[kubernetes]'") from error
    with connect(options, context.seconds_left) as cluster:
        yield cluster
