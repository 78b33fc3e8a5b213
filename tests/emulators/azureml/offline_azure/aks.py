"""Azure Kubernetes Service: the credentials of a user of a cluster. The clusters are those of the settings."""

from __future__ import annotations

import base64

from .arm import GROUP
from .messages import Answer, Refusal, WrongShape, as_json
from .routing import MANAGEMENT, Routes, Visit

routes = Routes(MANAGEMENT)
ROUTES = (routes,)

CLUSTER = GROUP + "/providers/Microsoft.ContainerService/managedClusters/{cluster}"
API_VERSIONS = ("2025-10-01", "2026-04-01")
FORMATS = ("azure", "exec")


@routes.on("POST", CLUSTER + "/listClusterUserCredential")
def user_credential(visit: Visit) -> Answer:
    """The kubeconfig of a cluster, as a person with the role of a user gets it."""
    query = dict(visit.query)
    if query.pop("api-version", None) not in API_VERSIONS:
        raise Refusal(400, "InvalidApiVersionParameter", "The api-version is invalid.")
    if query.pop("format", "exec") not in FORMATS:
        raise Refusal(400, "BadRequest", "The format is invalid.")
    if query.keys() - {"server-fqdn"} or visit.request.body:
        raise WrongShape("credentials are asked for with a format and without a body")
    content = base64.b64encode(_kubeconfig(visit).encode()).decode()
    return as_json({"kubeconfigs": [{"name": "clusterUser", "value": content}]})


def _kubeconfig(visit: Visit) -> str:
    world, group, name = visit.world, visit["group"], visit["cluster"]
    if visit["subscription"] != world.subscription_id:
        message = f"The subscription '{visit['subscription']}' could not be found."
        raise Refusal(404, "SubscriptionNotFound", message)
    if group.lower() not in world.groups:
        raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
    if name.lower() not in world.settings.clusters:
        kind = f"Microsoft.ContainerService/managedClusters/{name}"
        raise Refusal(404, "ResourceNotFound", f"The Resource '{kind}' under resource group '{group}' was not found.")
    return world.settings.clusters[name.lower()]
