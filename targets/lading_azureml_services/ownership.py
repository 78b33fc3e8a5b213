"""The owner of a service. Azure ML has no compare-and-swap, so the tags are read before each write and not after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lading import Context, Deployment, StageFailed

if TYPE_CHECKING:
    from lading_azureml.connection import AzureConnection
    from lading_azureml.port import Service

SERVICE = "lading.service"
TARGET = "lading.target"
PACKAGE = "lading.package"
MODEL = "lading.model"
RELEASE_ID = "lading.release-id"
OPTIONS = "lading.options"
FIXED = "lading.fixed"
SECRETS = "lading.secrets"
KEYS = "lading.keys"


def connection(context: Context) -> AzureConnection:
    return cast("AzureConnection", context.connection)


def is_ours(service: Service, deployment: Deployment) -> bool:
    """Whether a service carries the tags of this deployment."""
    owner = (service.tags.get(SERVICE), service.tags.get(TARGET))
    return owner == (deployment.service, deployment.target)


def our_service(deployment: Deployment, context: Context) -> Service | None:
    """The deployment's service. Raises StageFailed if the name belongs to another service, which is never changed."""
    service = connection(context).workspace.find_service(deployment.service)
    if service is not None and not is_ours(service, deployment):
        raise not_ours(service, context)
    return service


def not_ours(service: Service, context: Context) -> StageFailed:
    return StageFailed(whose(service, context), hint="give the target's block another service_name")


def whose(service: Service, context: Context) -> str:
    """Explain why a service does not belong to this deployment."""
    target, workspace = service.tags.get(TARGET), connection(context).place.workspace
    owner = f"belongs to the target '{target}' of Lading" if target else "is not Lading's"
    return f"a service {service.name} is in workspace {workspace} already, and it {owner}: it is left alone"
