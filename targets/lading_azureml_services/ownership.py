"""Whose a service is. Azure ML offers no compare-and-swap: the tags are read before each write, and never after."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lading import Context, Deployment, StageFailed

if TYPE_CHECKING:
    from lading_azureml.connection import AzureConnection
    from lading_azureml.port import Service

PACKAGE = "lading.package"
MODEL = "lading.model"
OPTIONS = "lading.options"
FIXED = "lading.fixed"


def connection(context: Context) -> AzureConnection:
    return cast("AzureConnection", context.connection)


def is_ours(service: Service, deployment: Deployment) -> bool:
    """Whether a service carries the tags of this deployment."""
    owner = (service.tags.get("lading.service"), service.tags.get("lading.target"))
    return owner == (deployment.service, deployment.target)


def our_service(deployment: Deployment, context: Context) -> Service | None:
    """The deployment's service. Raises StageFailed where another one has its name: that is never touched."""
    service = connection(context).workspace.find_service(deployment.service)
    if service is not None and not is_ours(service, deployment):
        raise StageFailed(whose(service, context), hint="give the target's block a service_name of its own")
    return service


def whose(service: Service, context: Context) -> str:
    """Why a service is not this deployment's, in words."""
    target, workspace = service.tags.get("lading.target"), connection(context).place.workspace
    owner = f"is the target '{target}' of Lading's" if target else "is not Lading's"
    return f"a service {service.name} is in workspace {workspace} already, and it {owner}: it is left alone"
