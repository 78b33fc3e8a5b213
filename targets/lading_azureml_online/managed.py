"""The target `managed-online`: an online endpoint of Azure ML v2 on instances that Azure manages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Capability, Description, ImageNeed, Json, hookimpl

from .answers import (  # noqa: F401 - hooks of this target, too
    lading_delete,
    lading_keys,
    lading_logs,
    lading_plan,
    lading_preflight,
    lading_scoring_uri,
)
from .kind import CAPABILITIES, Kind
from .options import ManagedOptions

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


def _endpoint(options: ManagedOptions, _workspace: str) -> Json:
    access = options.public_network_access
    return {"publicNetworkAccess": access.capitalize()} if access else {}


def _deployment(options: ManagedOptions) -> Json:
    egress = options.egress_public_network_access
    more = {"egressPublicNetworkAccess": egress.capitalize()} if egress else {}
    return {"instanceType": options.instance_type, **more}


MANAGED = Kind(
    compute_type="Managed",
    endpoint=_endpoint,
    deployment=_deployment,
    instances=lambda options: None if options.autoscale else options.instance_count,
    autoscale=lambda options: options.autoscale,
)


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="an online endpoint of Azure ML v2, on instances that Azure manages",
        api=1,
        options=ManagedOptions,
        capabilities=CAPABILITIES | {Capability.SHADOW},  # Azure copies requests only here
        connection="azureml-v2",
        image=ImageNeed.PUSHED,
    )


@hookimpl
def lading_deploy(request: DeployRequest[ManagedOptions], context: Context) -> DeployStep:
    from .deploying import step

    return step(MANAGED, request, context)


@hookimpl
def lading_shift(request: ShiftRequest[ManagedOptions], context: Context) -> ShiftStep:
    from .shifting import step

    return step(MANAGED, request, context)


@hookimpl
def lading_status(deployment: Deployment[ManagedOptions], context: Context) -> Status:
    from .asking import status

    return status(MANAGED, deployment, context)


@hookimpl
def lading_list(context: Context) -> Listing:
    from .asking import everything

    return everything(MANAGED, context)
