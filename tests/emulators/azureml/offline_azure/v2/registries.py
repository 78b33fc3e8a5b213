"""Registries: models that all workspaces share. Their service has its own host, which a discovery shows."""

from __future__ import annotations

import re

from ..messages import Answer, Refusal, WrongShape, as_json
from ..routing import DATA_PLANE, MANAGEMENT, Routes, Visit
from ..state import Record, Registry, World, now
from . import bodies
from .rights import check_action, check_audience, check_version, permissions_of
from .shapes import body

HOST = r"cert-[a-z0-9]+\.experiments\.azureml\.net"
PROVIDER = "Microsoft.MachineLearningServices/registries"
API_VERSION = "2021-10-01-dataplanepreview"
SCOPE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + PROVIDER + "/{registry}"
VERSION = "/{name}/versions/{version}"
MODEL_ID = re.compile("azureml://registries/([^/]+)/models/([^/]+)/versions/([^/]+)")

discovery = Routes(DATA_PLANE, prefix="/registrymanagement/v1.0/registries")
routes = Routes(HOST, prefix="/mferp/managementfrontend" + SCOPE)
arm = Routes(MANAGEMENT, prefix=SCOPE)
ROUTES = (discovery, routes, arm)


def model_of(world: World, identifier: str) -> Record | None:
    """The model with an id such as `azureml://registries/R/models/M/versions/V`; None if it does not exist."""
    found = MODEL_ID.fullmatch(identifier)
    registry = world.registries.get(found[1]) if found else None
    return registry.models.get(f"{found[2]}:{found[3]}") if found and registry else None


@discovery.on("GET", "/{registry}/discovery")
def discover(visit: Visit) -> Answer:
    if visit.query.get("api-version") != "v1.0":
        raise WrongShape("the call has no api-version")
    registry = _registry(visit, "read")
    return as_json(
        {
            "registryName": registry.name,
            "tenantId": visit.world.tenant_id,
            "primaryRegion": registry.location,
            "regions": [registry.location],
            "subscriptionId": visit.world.subscription_id,
            "resourceGroup": registry.resource_group,
            "primaryRegionResourceProviderUri": f"https://cert-{registry.location}.experiments.azureml.net/",
        }
    )


@arm.on("GET", "/providers/Microsoft.Authorization/permissions")
def read_permissions(visit: Visit) -> Answer:
    check_version(visit)
    _registry(visit, "read")
    return as_json({"value": [permissions_of(visit.world)]})


@routes.on("GET", "/models/{name}/versions")
def list_versions(visit: Visit) -> Answer:
    models = _opened(visit, "assets/read").models.items()
    found = [_fields(model) for key, model in models if key.rpartition(":")[0] == visit["name"]]
    return as_json({"value": found[::-1][: int(visit.query.get("$top", len(found)))]})


@routes.on("GET", f"/models{VERSION}")
def read_version(visit: Visit) -> Answer:
    model = _opened(visit, "assets/read").models.get(_key(visit))
    if model is None:
        raise _absent(visit, f"models/{visit['name']}/versions/{visit['version']}")
    model["polls"] += 1
    if model["properties"]["provisioningState"] == "Creating" and model["polls"] > visit.world.settings.polls:
        model["properties"]["provisioningState"] = visit.world.settings.registry_end
    return _shown(visit, model, 200)


@routes.on("PUT", f"/tempdatarefs{VERSION}")
def start_upload(visit: Visit) -> Answer:
    """A container for the files of a version, the same one each time, with a signature to write to it."""
    given, registry = body(visit, bodies.DATA_REFERENCE), _opened(visit, "assets/write")
    if given["assetId"] != _id(visit):
        raise WrongShape(f"the asset id is not {_id(visit)!r}")
    known = registry.models.get(_key(visit))
    if known is not None and known["properties"]["provisioningState"] != "Failed":
        raise Refusal(409, "Conflict", f"the asset {_id(visit)} already exists")
    container = registry.containers.setdefault(_key(visit), f"registry-{visit.world.next()}")
    signed = visit.world.issue(visit.machines.blobs.container_url(container))
    credential = {"credentialType": "SAS", "sasUri": signed}
    place = {"blobUri": signed.partition("?")[0], "credential": credential, "storageAccountArmId": ""}
    return as_json({"temporaryDataReferenceId": container, "blobReferenceForConsumption": place})


@routes.on("PUT", f"/models{VERSION}")
def put_version(visit: Visit) -> Answer:
    """Begin a version. It is ready after `Settings.polls` reads."""
    given, registry = body(visit, bodies.SHARED_MODEL)["properties"], _opened(visit, "assets/write")
    _check_files(visit, registry, given["modelUri"])
    before = registry.models.get(_key(visit))
    if before is not None and before["properties"]["modelUri"] != given["modelUri"]:
        raise Refusal(409, "Conflict", f"{_id(visit)} already exists, and a version cannot be changed")
    if before is not None and before["properties"]["provisioningState"] != "Failed":
        return _shown(visit, before, 200)
    kept = {"tags": {}, "properties": {}, "flavors": {}, "isAnonymous": False, "isArchived": False}
    properties = {**kept, **{name: value for name, value in given.items() if value is not None}}
    record: Record = {"id": _id(visit), "name": visit["version"], "polls": 0, "created": now()}
    registry.models[_key(visit)] = {**record, "properties": {**properties, "provisioningState": "Creating"}}
    return _shown(visit, registry.models[_key(visit)], 201)


def _check_files(visit: Visit, registry: Registry, uri: str) -> None:
    """Raise WrongShape for a model without files in the container of its version."""
    blobs = visit.machines.blobs
    container, _, path = uri.removeprefix(f"https://{blobs.host}/").partition("/")
    if container != registry.containers.get(_key(visit)) or not path or not blobs.names(container, path):
        raise WrongShape(f"no file of the version is at {uri!r}")


def _shown(visit: Visit, model: Record, status: int) -> Answer:
    wait = {"Retry-After": str(visit.world.settings.retry_after)}
    return as_json(_fields(model), status, **(wait if model["properties"]["provisioningState"] == "Creating" else {}))


def _fields(model: Record) -> Record:
    created = {"systemData": {"createdAt": model["created"]}}
    return {"id": model["id"], "name": model["name"], **created, "properties": model["properties"]}


def _opened(visit: Visit, action: str) -> Registry:
    """The registry in the path. Raises Refusal if it does not exist, or the client's roles lack the action."""
    if visit.query.get("api-version") != API_VERSION:
        raise WrongShape(f"the api-version is not {API_VERSION}")
    registry = _registry(visit, action)
    if (visit["subscription"], visit["group"]) != (visit.world.subscription_id, registry.resource_group):
        raise _absent(visit, "")
    return registry


def _registry(visit: Visit, action: str) -> Registry:
    check_audience(visit)
    registry = visit.world.registries.get(visit["registry"])
    if registry is None:
        raise Refusal(404, "ResourceNotFound", f"The registry {visit['registry']} was not found.")
    check_action(visit, f"{PROVIDER}/{action}")
    return registry


def _absent(visit: Visit, resource: str) -> Refusal:
    return Refusal(404, "NotFound", f"{resource or 'the registry'} was not found in registry {visit['registry']}")


def _id(visit: Visit) -> str:
    return f"azureml://registries/{visit['registry']}/models/{visit['name']}/versions/{visit['version']}"


def _key(visit: Visit) -> str:
    return f"{visit['name']}:{visit['version']}"
