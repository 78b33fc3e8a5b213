"""The target `aci`: a service on Azure Container Instances.

Azure replaces the container in place. So the old release is gone while the new one starts.
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
from .options import AciOptions

if TYPE_CHECKING:
    from lading import Listing, PlanFindings, PlanRequest, PreflightRequest, TargetFindings

ACI = Kind(
    name="ACI",
    fixed=(
        "cpu_cores",
        "memory_gb",
        "location",
        "dns_name_label",
        "vnet_name",
        "subnet_name",
        "cmk_vault_base_url",
        "cmk_key_name",
        "cmk_key_version",
        "collect_model_data",
        "primary_key",
        "secondary_key",
    ),
)


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="a container on Azure Container Instances, through Azure ML (SDK v1, support ended 2026-06-30)",
        api=1,
        options=AciOptions,
        capabilities=CAPABILITIES,
        connection="azureml",
    )


@hookimpl
def lading_deploy(request: DeployRequest[AciOptions], context: Context) -> DeployStep:
    from .deploying import step

    return step(ACI, request, context)


@hookimpl
def lading_list(context: Context) -> Listing:
    from .listing import everything

    return everything(ACI, context)


@hookimpl
def lading_preflight(request: PreflightRequest[AciOptions], context: Context) -> TargetFindings:
    from .preflight import findings

    return findings(ACI, request.deployment, context)


@hookimpl
def lading_plan(request: PlanRequest[AciOptions]) -> PlanFindings:
    from .planning import aci_gap, findings

    return findings(ACI, request, aci_gap())
