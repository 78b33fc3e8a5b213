"""Online endpoints: an address with keys or tokens, and the share of each deployment in its requests."""

from __future__ import annotations

import secrets
import time

from ..messages import Answer, Refusal, as_json
from ..operations import Failure
from ..routing import Visit
from ..state import Record
from . import bodies
from .gateway import Gateway, open_gateway
from .operations import Task, note_query, running, start
from .refusing import NAME, absent, conflict, invalid
from .rights import PROVIDER, ArmRoutes
from .shapes import body
from .stamps import system_data
from .traffic import check_traffic

routes = ArmRoutes("/onlineEndpoints")
ROUTES = (routes,)
TAKEN = (
    "There is already an endpoint with this name, Endpoint name needs to be unique within a region. "
    "Try some other name."
)


@routes.on("PUT", "/{endpoint}", "onlineEndpoints/write")
def put(visit: Visit) -> Answer:
    given, name = body(visit, bodies.ENDPOINT), visit["endpoint"]
    if not NAME.fullmatch(name):
        raise invalid("name", f"The endpoint name '{name}' is invalid")
    if given["location"].replace(" ", "").lower() != visit.workspace.location:
        raise invalid("location", f"The location '{given['location']}' is not that of the workspace")
    refuse_if_busy(visit)
    _check_compute(visit, given["properties"].get("compute"))
    check_traffic(visit.workspace, name, given["properties"])
    before = visit.workspace.v2.endpoints.get(name)
    return _create(visit, given) if before is None else _change(visit, before, given)


@routes.on("GET", "", "onlineEndpoints/read")
def listing(visit: Visit) -> Answer:
    return as_json({"value": list(visit.workspace.v2.endpoints.values())})


@routes.on("GET", "/{endpoint}", "onlineEndpoints/read")
def read(visit: Visit) -> Answer:
    note_query(visit, visit["endpoint"])
    return as_json(found(visit))


@routes.on("DELETE", "/{endpoint}", "onlineEndpoints/delete")
def delete(visit: Visit) -> Answer:
    v2, name = visit.workspace.v2, visit["endpoint"]
    if name not in v2.endpoints:
        return Answer(204)
    refuse_if_busy(visit)
    properties = found(visit)["properties"]
    before, properties["provisioningState"] = properties["provisioningState"], "Deleting"

    def done() -> None:
        visit.machines.close_gateway(v2.endpoints.pop(name))
        del v2.keys[name]
        for key in [key for key in v2.deployments if key.startswith(f"{name}/")]:
            del v2.deployments[key]

    def failed(_: Failure) -> None:
        properties["provisioningState"] = before

    return Answer(202, headers=start(visit, name, Task(done, failed)))


@routes.on("POST", "/{endpoint}/listKeys", "onlineEndpoints/listKeys/action")
def list_keys(visit: Visit) -> Answer:
    _require_mode(visit, "key")
    return as_json(visit.workspace.v2.keys[visit["endpoint"]])


@routes.on("POST", "/{endpoint}/regenerateKeys", "onlineEndpoints/regenerateKeys/action")
def regenerate_keys(visit: Visit) -> Answer:
    given = body(visit, bodies.KEY)
    _require_mode(visit, "key")
    refuse_if_busy(visit)
    fresh = visit.world.issue(given.get("keyValue") or secrets.token_urlsafe(24))
    keys = visit.workspace.v2.keys[visit["endpoint"]]

    def done() -> None:
        keys[f"{given['keyType'].lower()}Key"] = fresh

    return Answer(202, headers=start(visit, visit["endpoint"], Task(done, lambda _: None)))


@routes.on("POST", "/{endpoint}/token", "onlineEndpoints/token/action")
def token(visit: Visit) -> Answer:
    _require_mode(visit, "amltoken")
    seconds = visit.world.settings.token_seconds
    issued, expiry = visit.world.issue(secrets.token_urlsafe(32)), int(time.time()) + seconds
    visit.machines.gateway(found(visit)).tokens[issued] = expiry
    answer = {"accessToken": issued, "tokenType": "Bearer", "expiryTimeUtc": expiry}
    return as_json({**answer, "refreshAfterTimeUtc": expiry - seconds // 5})


def found(visit: Visit) -> Record:
    """The endpoint in the path. Raises Refusal if it does not exist."""
    endpoints = visit.workspace.v2.endpoints
    if visit["endpoint"] not in endpoints:
        raise absent(visit, f"onlineEndpoints/{visit['endpoint']}")
    return endpoints[visit["endpoint"]]


def refuse_if_busy(visit: Visit) -> None:
    """Raise Refusal while an operation at the endpoint or at one of its deployments is running."""
    if busy := running(visit.workspace, visit["endpoint"]):
        raise conflict(f"There is already an operation in progress at {busy[0]['resource']}")


def _create(visit: Visit, given: Record) -> Answer:
    workspace, name = visit.workspace, visit["endpoint"]
    regional = [item for item in visit.world.workspaces.values() if item.location == workspace.location]
    if name in visit.world.settings.taken_names or any(name in item.v2.endpoints for item in regional):
        raise invalid("", TAKEN)
    keys = given["properties"].pop("keys", None) or {}
    v2 = workspace.v2
    v2.keys[name] = {
        each: visit.world.issue(keys.get(each) or secrets.token_urlsafe(24)) for each in ("primaryKey", "secondaryKey")
    }
    record = v2.endpoints[name] = _record(visit, given, "Creating")
    open_gateway(visit, record, v2.keys[name])

    def failed(_: Failure) -> None:
        record["properties"]["provisioningState"] = "Failed"

    def done() -> None:
        record["properties"]["provisioningState"] = "Succeeded"

    return as_headed(record, 201, start(visit, name, Task(done, failed)))


def _change(visit: Visit, before: Record, given: Record) -> Answer:
    if (given["properties"].get("compute") or None) != before["properties"]["compute"]:
        raise invalid("compute", "The compute of an endpoint cannot be changed")
    if _identities(given) != _identities(before):
        raise invalid("identity", "The identity of an endpoint cannot be changed")
    given["properties"].pop("keys", None)
    record = _record(visit, given, "Succeeded")
    shown = {**before, "properties": {**before["properties"], "provisioningState": "Updating"}}
    visit.workspace.v2.endpoints[visit["endpoint"]] = shown

    def done() -> None:
        shown.update(record)

    def failed(_: Failure) -> None:
        shown["properties"]["provisioningState"] = "Failed"

    visit.machines.gateway(before).endpoint = shown
    return as_headed(shown, 200, start(visit, visit["endpoint"], Task(done, failed)))


def _identities(record: Record) -> set[str]:
    """The ids of the existing identities of an endpoint; none if the service has made its identity."""
    return {name.lower() for name in (record.get("identity") or {}).get("userAssignedIdentities") or ()}


def _check_compute(visit: Visit, compute: str | None) -> None:
    prefix, _, name = (compute or "").rpartition("/")
    if compute and (prefix != f"{visit.workspace.scope}/computes" or name not in visit.workspace.computes):
        raise invalid("compute", f"The compute {compute} was not found")


def as_headed(record: Record, status: int, headers: dict[str, str]) -> Answer:
    answer = as_json(record, status)
    return Answer(status, answer.body, {**answer.headers, **headers})


def _record(visit: Visit, given: Record, state: str) -> Record:
    workspace, name, properties = visit.workspace, visit["endpoint"], given["properties"]
    identifier = f"{workspace.scope}/onlineEndpoints/{name}"
    base = f"https://{Gateway.host_of(name, workspace.location)}"
    extra = {"azureml.onlineendpointid": identifier.lower()}
    return {
        "id": identifier,
        "name": name,
        "type": f"{PROVIDER}/onlineEndpoints",
        "location": workspace.location,
        "kind": "K8S" if properties.get("compute") else "Managed",
        "tags": given.get("tags") or {},
        "identity": identity(visit, given),
        "systemData": system_data(visit, visit.workspace.v2.endpoints.get(name)),
        "properties": {
            "publicNetworkAccess": "Enabled",
            "description": None,
            "compute": None,
            **properties,
            "traffic": properties.get("traffic") or {},
            "mirrorTraffic": properties.get("mirrorTraffic") or {},
            "properties": {**(properties.get("properties") or {}), **extra},
            "provisioningState": state,
            "scoringUri": f"{base}/score",
            "swaggerUri": f"{base}/swagger.json",
        },
    }


def identity(visit: Visit, given: Record) -> Record:
    """The identity of a resource, with the ids that Azure adds."""
    asked = given.get("identity") or {"type": "SystemAssigned"}
    return {**asked, "principalId": visit.world.client_id, "tenantId": visit.world.tenant_id}


def _require_mode(visit: Visit, mode: str) -> None:
    actual = found(visit)["properties"]["authMode"]
    if actual.lower() != mode:
        raise Refusal(400, "BadRequest", f"The auth mode of the endpoint is {actual}.")
