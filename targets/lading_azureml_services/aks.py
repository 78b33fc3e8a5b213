"""The target `aks`: a service on Azure Kubernetes Service.

Azure starts a new release beside the old one, which serves until the new containers are healthy. Golden requests cannot
be sent to the new release before it serves. So for the framework this target replaces in place. If an answer is wrong
or the rollout fails, the previous package is deployed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Context, DeployRequest, DeployStep, Description, hookimpl

from .answers import (  # noqa: F401 - hooks of this target, too
    lading_delete,
    lading_keys,
    lading_logs,
    lading_scoring_uri,
    lading_status,
)
from .kind import CAPABILITIES, Kind
from .options import AksOptions

if TYPE_CHECKING:
    from lading import Listing, PlanFindings, PlanRequest, PreflightRequest, TargetFindings

AKS = Kind(
    name="AKS",
    fixed=("compute_target_name", "primary_key", "secondary_key", "blobfuse_enabled"),
    own=("attach", "provision"),
)


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="containers on an AKS cluster, through Azure ML (SDK v1, support ended 2026-06-30)",
        api=1,
        options=AksOptions,
        capabilities=CAPABILITIES,
        connection="azureml",
    )


@hookimpl
def lading_deploy(request: DeployRequest[AksOptions], context: Context) -> DeployStep:
    from .clusters import ensure
    from .deploying import step

    return step(AKS, request, context, prepare=lambda: ensure(request, context))


@hookimpl
def lading_list(context: Context) -> Listing:
    from .listing import everything

    return everything(AKS, context)


@hookimpl
def lading_preflight(request: PreflightRequest[AksOptions], context: Context) -> TargetFindings:
    from .clusters import check
    from .preflight import findings

    return findings(AKS, request.deployment, context, needs=lambda: check(request.deployment.options, context))


@hookimpl
def lading_plan(request: PlanRequest[AksOptions]) -> PlanFindings:
    from .planning import aks_gap, findings

    return findings(AKS, request, aks_gap(request.deployment.options))
