"""The target `aks`: a service on Azure Kubernetes Service.

Azure starts a new release beside the old one, which serves until the new containers are healthy. Golden requests cannot
be sent to the new release before it serves. So for the framework this target replaces in place. If an answer is wrong
or the rollout fails, the previous package is deployed again.
"""

from __future__ import annotations

from lading import Context, DeployRequest, DeployStep, Description, Listing, hookimpl

from .answers import (  # noqa: F401 - hooks of this target, too
    lading_delete,
    lading_keys,
    lading_logs,
    lading_scoring_uri,
    lading_status,
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
    from .asking import listing

    return listing(AKS, context)
