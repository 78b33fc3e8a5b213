"""The target `aci`: a service on Azure Container Instances.

Azure replaces its container in place: while a new release starts, the old one is gone.
"""

from __future__ import annotations

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
