"""Versions of models, code, data and environments, and the datastore that their files are in."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..messages import Answer, Refusal, WrongShape, as_json
from ..routing import Visit
from ..state import Record
from . import bodies
from .images import PATHS
from .refusing import absent
from .rights import PROVIDER, ArmRoutes
from .shapes import body
from .stamps import system_data

routes = ArmRoutes()
ROUTES = (routes,)

FORMS: dict[str, dict[str, Any]] = {
    "models": bodies.MODEL,
    "codes": bodies.CODE,
    "environments": bodies.ENVIRONMENT,
    "data": bodies.DATA,
}
DATASTORES = ("workspaceblobstore", "workspaceartifactstore")


def read_datastore(name: str, visit: Visit) -> Answer:
    blobs, container = visit.machines.blobs, visit.workspace.container
    blobs.container_url(container)  # the container exists from now on
    properties = {
        "datastoreType": "AzureBlob",
        "accountName": blobs.account,
        "containerName": container,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "credentials": {"credentialsType": "AccountKey"},
        "isDefault": name == DATASTORES[0],
        "tags": {},
        "properties": {},
    }
    return as_json({**_resource(visit, f"datastores/{name}"), "properties": properties})


def list_secrets(visit: Visit) -> Answer:
    given = body(visit, bodies.LIST_SECRETS) if visit.request.body else {}
    if given.get("expirableSecret"):
        token = visit.machines.blobs.container_url(visit.workspace.container).partition("?")[2]
        return as_json({"secretsType": "Sas", "sasToken": visit.world.issue(token)})
    return as_json({"secretsType": "AccountKey", "key": visit.world.issue(visit.machines.blobs.key)})


for each in DATASTORES:
    routes.on("GET", f"/datastores/{each}", "datastores/read")(partial(read_datastore, each))
    routes.on("POST", f"/datastores/{each}/listSecrets", "datastores/listSecrets/action")(list_secrets)


def read_container(kind: str, visit: Visit) -> Answer:
    versions = [record["name"] for record in _versions(visit, kind)]
    if not versions:
        raise absent(visit, f"{kind}/{visit['name']}")
    numbers = [int(version) for version in versions if version.isdecimal()]
    latest = {"latestVersion": versions[-1], "nextVersion": str(max(numbers, default=0) + 1)}
    resource = _resource(visit, f"{kind}/{visit['name']}")
    return as_json({**resource, "properties": {**latest, "isArchived": False, "tags": {}, "properties": {}}})


def list_versions(kind: str, visit: Visit) -> Answer:
    found = list(reversed(_versions(visit, kind)))
    if wanted := visit.query.get("hash"):
        found = [item for item in found if item["properties"]["properties"].get("hash_sha256") == wanted]
    return as_json({"value": found[: int(visit.query.get("$top", len(found)))]})


def read_version(kind: str, visit: Visit) -> Answer:
    return as_json(_found(visit, kind))


def put_version(kind: str, visit: Visit) -> Answer:
    given, records = body(visit, FORMS[kind]), getattr(visit.workspace.v2, kind)
    before = records.get(f"{visit['name']}:{visit['version']}")
    if kind == "models":
        _check_model(visit, given["properties"])
    record = _record(visit, kind, given["properties"])
    if before is not None and _content(before) != _content(record):
        raise Refusal(409, "Conflict", f"{before['id']} already exists, and a version cannot be changed")
    records[f"{visit['name']}:{visit['version']}"] = record
    return as_json(record, 200 if before else 201)


def _check_model(visit: Visit, properties: Record) -> None:
    """Raise WrongShape for a model without files, or of a run that the workspace does not have."""
    path = PATHS.fullmatch(properties["modelUri"])
    if path is None or not visit.machines.blobs.names(visit.workspace.container, path[1]):
        raise WrongShape(f"no file is at {properties['modelUri']!r}")
    if properties.get("jobName") and properties["jobName"] not in visit.workspace.runs:
        raise WrongShape(f"the workspace has no run {properties['jobName']!r}")


def delete_version(kind: str, visit: Visit) -> Answer:
    removed = getattr(visit.workspace.v2, kind).pop(f"{visit['name']}:{visit['version']}", None)
    return Answer(200 if removed else 204)


VERSION = "/{name}/versions/{version}"
for each in FORMS:
    routes.on("GET", f"/{each}/{{name}}", f"{each}/read")(partial(read_container, each))
    routes.on("GET", f"/{each}/{{name}}/versions", f"{each}/versions/read")(partial(list_versions, each))
    routes.on("GET", f"/{each}{VERSION}", f"{each}/versions/read")(partial(read_version, each))
    routes.on("PUT", f"/{each}{VERSION}", f"{each}/versions/write")(partial(put_version, each))
    routes.on("DELETE", f"/{each}{VERSION}", f"{each}/versions/delete")(partial(delete_version, each))


@routes.on("POST", "/codes/{name}/versions/{version}/startPendingUpload", "codes/versions/write")
def start_upload(visit: Visit) -> Answer:
    """A container for the files of a code version, with a signature to write to it."""
    body(visit, bodies.UPLOAD)
    blobs, container = visit.machines.blobs, f"code-{visit.workspace.next()}-{visit['name']}"[:63]
    signed = visit.world.issue(blobs.container_url(container))
    credential = {"credentialType": "SAS", "sasUri": signed}
    place = {"blobUri": signed.partition("?")[0], "credential": credential, "storageAccountArmId": ""}
    answer = {"pendingUploadType": "TemporaryBlobReference", "pendingUploadId": container}
    return as_json({**answer, "blobReferenceForConsumption": place})


def _versions(visit: Visit, kind: str) -> list[Record]:
    records: dict[str, Record] = getattr(visit.workspace.v2, kind)
    return [record for key, record in records.items() if key.rpartition(":")[0] == visit["name"]]


def _found(visit: Visit, kind: str) -> Record:
    records: dict[str, Record] = getattr(visit.workspace.v2, kind)
    key = f"{visit['name']}:{visit['version']}"
    if key not in records:
        raise absent(visit, f"{kind}/{visit['name']}/versions/{visit['version']}")
    return records[key]


def _record(visit: Visit, kind: str, properties: Record) -> Record:
    resource = _resource(visit, f"{kind}/{visit['name']}/versions/{visit['version']}")
    more: Record = {"flavors": {}} if kind == "models" else {}
    kept = {"tags": {}, "properties": {}, "isAnonymous": False, "isArchived": False, **more}
    properties = {**kept, **{name: value for name, value in properties.items() if value is not None}}
    return {**resource, "properties": {**properties, "provisioningState": "Succeeded"}}


def _content(record: Record) -> Record:
    """The fields of a version that cannot be changed."""
    free = {"tags", "properties", "description", "isArchived", "stage"}
    return {name: value for name, value in record["properties"].items() if name not in free}


def _resource(visit: Visit, path: str) -> Record:
    parts = path.split("/")
    kinds, name = "/".join(parts[::2]), parts[-1]
    return {
        "id": f"{visit.workspace.scope}/{path}",
        "name": name,
        "type": f"{PROVIDER}/{kinds}",
        "systemData": system_data(visit),
    }
