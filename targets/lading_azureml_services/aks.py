"""The target `aks`: a service on Azure Kubernetes Service.

Azure rolls a new release out beside the old one, which serves until the new containers are healthy. Golden requests can
be asked where the new release serves alone, so for the framework it is a target that replaces in place: where they are
answered wrongly, or the roll-out fails, the previous package is deployed again.
"""

from __future__ import annotations

from lading import (
    Context,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    Keys,
    Logs,
    LogsRequest,
    NoScoringUri,
    ScoringUri,
    Status,
    hookimpl,
)

from .kind import CAPABILITIES, Kind
from .options import AksOptions

AKS = Kind(
    name="AKS",
    fixed=("compute_target_name", "primary_key", "secondary_key", "blobfuse_enabled"),
    own=("attach", "provision"),
)


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="containers on an AKS cluster, through Azure ML",
        options=AksOptions,
        capabilities=CAPABILITIES,
        connection="azureml",
    )


@hookimpl
def lading_deploy(request: DeployRequest, context: Context) -> DeployStep:
    from .clusters import ensure
    from .deploying import step

    return step(AKS, request, context, prepare=ensure)


@hookimpl
def lading_scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri:
    from .asking import scoring_uri

    return scoring_uri(deployment, context)


@hookimpl
def lading_status(deployment: Deployment, context: Context) -> Status:
    from .asking import status

    return status(deployment, context)


@hookimpl
def lading_logs(request: LogsRequest, context: Context) -> Logs:
    from .asking import logs

    return logs(request, context)


@hookimpl
def lading_keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys:
    from .asking import keys

    return keys(deployment, context, rotate)


@hookimpl
def lading_delete(deployment: Deployment, context: Context) -> Status:
    from .asking import delete

    return delete(deployment, context)
