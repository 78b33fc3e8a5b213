"""The target `kubernetes-online`: an online endpoint of Azure ML v2 on an attached Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lading import Description, ImageNeed, Json, hookimpl

from .answers import (  # noqa: F401 - hooks of this target, too
    lading_delete,
    lading_keys,
    lading_logs,
    lading_plan,
    lading_preflight,
    lading_scoring_uri,
)
from .kind import CAPABILITIES, Kind
from .naming import GPU
from .options import KubernetesOnlineOptions, ScaleSettings

if TYPE_CHECKING:
    from lading import (
        Context,
        Deployment,
        DeployRequest,
        DeployStep,
        Listing,
        ShiftRequest,
        ShiftStep,
        Status,
    )


def _endpoint(options: KubernetesOnlineOptions, workspace: str) -> Json:
    return {"compute": f"{workspace}/computes/{options.compute}"}


def _deployment(options: KubernetesOnlineOptions) -> Json:
    resources, scale = options.resources, options.scale_settings
    limits = {"containerResourceLimits": _sizes(resources.limits)} if resources.limits else {}
    needs = {"containerResourceRequests": _sizes(resources.requests), **limits}
    return {
        **({"instanceType": options.instance_type} if options.instance_type else {}),
        **({"containerResourceRequirements": needs} if resources.requests or resources.limits else {}),
        "scaleSettings": _scale(scale) if scale else {"scaleType": "Default"},
    }


def _sizes(given: Mapping[str, str]) -> Json:
    return {"gpu" if name == GPU else name: value for name, value in given.items()}


def _scale(scale: ScaleSettings) -> Json:
    return {
        "scaleType": "TargetUtilization",
        "minInstances": scale.min_instances,
        "maxInstances": scale.max_instances,
        "targetUtilizationPercentage": scale.target_utilization_percentage,
        "pollingInterval": f"PT{scale.polling_interval}S",
    }


KUBERNETES = Kind(
    compute_type="Kubernetes",
    endpoint=_endpoint,
    deployment=_deployment,
    instances=lambda options: None if options.scale_settings else options.instance_count,
)


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="an online endpoint of Azure ML v2, on a Kubernetes cluster of the workspace",
        api=1,
        options=KubernetesOnlineOptions,
        capabilities=CAPABILITIES,
        connection="azureml-v2",
        image=ImageNeed.PUSHED,
    )


@hookimpl
def lading_deploy(request: DeployRequest[KubernetesOnlineOptions], context: Context) -> DeployStep:
    from .deploying import step

    return step(KUBERNETES, request, context)


@hookimpl
def lading_shift(request: ShiftRequest[KubernetesOnlineOptions], context: Context) -> ShiftStep:
    from .shifting import step

    return step(KUBERNETES, request, context)


@hookimpl
def lading_status(deployment: Deployment[KubernetesOnlineOptions], context: Context) -> Status:
    from .asking import status

    return status(KUBERNETES, deployment, context)


@hookimpl
def lading_list(context: Context) -> Listing:
    from .asking import everything

    return everything(KUBERNETES, context)
