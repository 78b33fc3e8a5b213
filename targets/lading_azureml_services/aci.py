"""The target `aci`: a service on Azure Container Instances.

Azure replaces its container in place: while a new release starts, the old one is gone.
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
from .options import AciOptions

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
        summary="a container on Azure Container Instances, through Azure ML",
        options=AciOptions,
        capabilities=CAPABILITIES,
        connection="azureml",
    )


@hookimpl
def lading_deploy(request: DeployRequest, context: Context) -> DeployStep:
    from .deploying import step

    return step(ACI, request, context)


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
