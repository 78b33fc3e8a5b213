"""Resource Manager: subscriptions, resource groups, workspaces and their creation from a template."""

from __future__ import annotations

from .discovery import discovery_url
from .images import credentials
from .messages import Answer, Refusal, WrongShape, as_json
from .routing import MANAGEMENT, WORKSPACE, Routes, Visit
from .state import Record, Workspace

routes = Routes(MANAGEMENT)
public = Routes(MANAGEMENT, signed_in=False)
ROUTES = (routes, public)

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
LOCATIONS = ["East US", "West Europe", "Southeast Asia"]


@public.on("GET", "/metadata/endpoints")
def clouds(visit: Visit) -> Answer:
    """The clouds. A client prefers its built-in entry to this one."""
    return as_json([{"name": "AzureCloud", "authentication": {"loginEndpoint": "https://login.microsoftonline.com"}}])


@routes.on("GET", "/subscriptions")
def subscriptions(visit: Visit) -> Answer:
    known = [] if visit.world.settings.subscriptions_hidden else [_subscription(visit)]
    return as_json({"value": known})


@routes.on("GET", "/subscriptions/{subscription}")
def subscription(visit: Visit) -> Answer:
    _check_subscription(visit)
    return as_json(_subscription(visit))


@routes.on("GET", "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices")
def provider(visit: Visit) -> Answer:
    _check_subscription(visit)
    kinds = [{"resourceType": kind, "locations": LOCATIONS} for kind in ("workspaces", "workspaces/computes")]
    return as_json({"namespace": "Microsoft.MachineLearningServices", "resourceTypes": kinds})


@routes.on("GET", GROUP)
def read_group(visit: Visit) -> Answer:
    _check_subscription(visit)
    if visit["group"].lower() not in visit.world.groups:
        raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{visit['group']}' could not be found.")
    return as_json(visit.world.groups[visit["group"].lower()])


@routes.on("PUT", GROUP)
def create_group(visit: Visit) -> Answer:
    _check_subscription(visit)
    location = visit.request.json().get("location")
    if not location:
        raise WrongShape("a resource group needs a location")
    return as_json(visit.world.add_group(visit["group"], location), 201)


@routes.on("GET", GROUP + "/resources")
def resources(visit: Visit) -> Answer:
    return as_json({"value": []})


@routes.on("GET", WORKSPACE)
def read_workspace(visit: Visit) -> Answer:
    _check_subscription(visit)
    return as_json(_workspace(visit.workspace, visit))


@routes.on("GET", GROUP + "/providers/Microsoft.MachineLearningServices/workspaces")
def list_workspaces(visit: Visit) -> Answer:
    known = [item for item in visit.world.workspaces.values() if item.resource_group.lower() == visit["group"].lower()]
    return as_json({"value": [_workspace(item, visit) for item in known]})


@routes.on("POST", WORKSPACE + "/listKeys")
def registry_keys(visit: Visit) -> Answer:
    shown = credentials(visit.workspace) if visit.world.settings.admin_user else None
    return as_json({"containerRegistryCredentials": shown})


@routes.on("GET", "/subscriptions/{subscription}/providers/Microsoft.Resources/deployments")
def earlier_deployments(visit: Visit) -> Answer:
    return as_json({"value": []})


@routes.on("DELETE", GROUP + "/providers/Microsoft.Storage/storageAccounts/{name}")
@routes.on("DELETE", GROUP + "/providers/Microsoft.Insights/components/{name}")
@routes.on("DELETE", GROUP + "/providers/Microsoft.KeyVault/vaults/{name}")
def clean_up(visit: Visit) -> Answer:
    """The SDK removes the results of a template that failed. Nothing is stored here."""
    return Answer(204)


@routes.on("PUT", GROUP + "/providers/Microsoft.Resources/deployments/{deployment}")
def deploy(visit: Visit) -> Answer:
    """Create the workspaces of the template at once."""
    template = visit.request.json()["properties"]["template"]
    kind = "Microsoft.MachineLearningServices/workspaces"
    made = [item for item in template["resources"] if item["type"] == kind]
    if not made:
        raise WrongShape(f"a template without a resource of the type {kind}")
    if visit["group"].lower() not in visit.world.groups:
        raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{visit['group']}' could not be found.")
    for item in made:
        visit.world.add_workspace(visit["group"], item["name"], item["location"])
    return as_json(_deployment(visit), 201)


@routes.on("GET", GROUP + "/providers/Microsoft.Resources/deployments/{deployment}")
def read_deployment(visit: Visit) -> Answer:
    return as_json(_deployment(visit))


@routes.on("GET", GROUP + "/providers/Microsoft.Resources/deployments/{deployment}/operations")
def deployment_operations(visit: Visit) -> Answer:
    return as_json({"value": []})


def _deployment(visit: Visit) -> Record:
    name = visit["deployment"]
    identifier = visit.request.head.path
    return {"id": identifier, "name": name, "properties": {"provisioningState": "Succeeded", "outputs": {}}}


def _check_subscription(visit: Visit) -> None:
    if visit["subscription"] != visit.world.subscription_id:
        message = f"The subscription '{visit['subscription']}' could not be found."
        raise Refusal(404, "SubscriptionNotFound", message)


def _subscription(visit: Visit) -> Record:
    world = visit.world
    return {
        "id": f"/subscriptions/{world.subscription_id}",
        "subscriptionId": world.subscription_id,
        "displayName": "offline",
        "state": "Enabled",
        "tenantId": world.tenant_id,
    }


def _workspace(workspace: Workspace, visit: Visit) -> Record:
    group = f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}/providers"
    return {
        "id": workspace.scope,
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": workspace.location,
        "sku": {"name": "Basic", "tier": "Basic"},
        "tags": {},
        "properties": {
            "friendlyName": workspace.name,
            "workspaceId": workspace.id,
            "discoveryUrl": discovery_url(workspace),
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{visit.machines.blobs.account}",
            "keyVault": f"{group}/Microsoft.KeyVault/vaults/offline",
            "applicationInsights": f"{group}/Microsoft.Insights/components/offline",
            "containerRegistry": f"{group}/Microsoft.ContainerRegistry/registries/{credentials(workspace)['username']}",
            "provisioningState": "Succeeded",
        },
    }
