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
    with _cluster(request.deployment.options, context) as cluster:
        from .deploying import step

        return step(request, context, cluster)


@hookimpl
def lading_shift(request: ShiftRequest[KubernetesOptions], context: Context) -> ShiftStep:
    with _cluster(request.deployment.options, context) as cluster:
        from .shifting import step

        return step(request, context, cluster)


@hookimpl
def lading_scoring_uri(deployment: Deployment[KubernetesOptions], context: Context) -> ScoringUri | NoScoringUri:
    with _cluster(deployment.options, context) as cluster:
        from .asking import scoring_uri

        return scoring_uri(deployment, cluster)


@hookimpl
def lading_status(deployment: Deployment[KubernetesOptions], context: Context) -> Status:
    with _cluster(deployment.options, context) as cluster:
        from .asking import status

        return status(deployment, context, cluster)


@hookimpl
def lading_logs(request: LogsRequest[KubernetesOptions], context: Context) -> Logs:
    with _cluster(request.deployment.options, context) as cluster:
        from .logs import read_log

        return read_log(request, cluster)


@hookimpl
def lading_metrics(deployment: Deployment[KubernetesOptions], context: Context) -> Metrics:
    with _cluster(deployment.options, context) as cluster:
        from .measuring import metrics

        return metrics(deployment, context, cluster)


@hookimpl
def lading_keys(deployment: Deployment[KubernetesOptions], context: Context, rotate: str | None) -> Keys:
    with _cluster(deployment.options, context) as cluster:
        from .keys import keys

        return keys(cluster, deployment, context, rotate)


@hookimpl
def lading_invoke(request: InvokeRequest[KubernetesOptions], context: Context) -> InvokeAnswer | None:
    with _cluster(request.deployment.options, context) as cluster:
        from .invoking import invoke

        return invoke(request, cluster)


@hookimpl
def lading_delete(deployment: Deployment[KubernetesOptions], context: Context) -> DeleteStep:
    with _cluster(deployment.options, context) as cluster:
        from .removing import delete

        return delete(deployment, context, cluster)


@hookimpl
def lading_list(request: ListRequest[KubernetesOptions], context: Context) -> Listing:
    with _cluster(request.deployment.options, context) as cluster:
        from .asking import everything

        return everything(cluster)


@hookimpl
def lading_preflight(request: PreflightRequest[KubernetesOptions], context: Context) -> TargetFindings:
    with _cluster(request.deployment.options, context) as cluster:
        from .preflight import findings

        return findings(request.deployment, cluster)


@hookimpl
def lading_plan(request: PlanRequest[KubernetesOptions], context: Context) -> PlanFindings:
    _require_lightkube()
    from .planning import findings

    return findings(request, lambda: _cluster(request.deployment.options, context))


@hookimpl
def lading_eject(request: DeployRequest[KubernetesOptions], context: Context) -> Ejected:
    with _cluster(request.deployment.options, context) as cluster:
        from .ejecting import eject

        return eject(request, cluster)


@contextmanager
def _cluster(options: KubernetesOptions, context: Context) -> Iterator[Cluster]:
    """The cluster of a deployment, for one step. Raises PluginError if the extra is not installed."""
    _require_lightkube()
    from .rest import connect

    with connect(options, context.seconds_left) as cluster:
        yield cluster


def _require_lightkube() -> None:
    try:
        from . import rest  # noqa: F401 - the first module that needs it
    except ImportError as error:
        raise PluginError("the target 'kubernetes' needs lightkube", hint="pip install 'lading[kubernetes]'") from error
