"""Deployments of an online endpoint, with their logs."""

from __future__ import annotations

import copy
import math

from ..messages import Answer, as_json
from ..operations import Failure
from ..routing import Visit
from ..state import Record, Workspace
from . import bodies
from .endpoints import as_headed, found, refuse_if_busy
from .gateway import Gateway
from .images import key_of, replica_of
from .operations import Task, note_query, start
from .refusing import NAME, absent, invalid
from .registries import model_of
from .replicas import Replica, no_capacity
from .rights import PROVIDER, ArmRoutes
from .shapes import body
from .stamps import system_data

routes = ArmRoutes("/onlineEndpoints/{endpoint}/deployments")
ROUTES = (routes,)
ACTION = "onlineEndpoints/deployments"
CREATING = "InferencingClientCreateDeploymentFailed"

CORES = {
    "Standard_DS1_v2": 1,
    "Standard_DS2_v2": 2,
    "Standard_DS3_v2": 4,
    "Standard_DS4_v2": 8,
    "Standard_F2s_v2": 2,
    "Standard_F4s_v2": 4,
    "Standard_F8s_v2": 8,
    "Standard_E2s_v3": 2,
    "Standard_E4s_v3": 4,
}
UPGRADE = 1.2  # the service reserves a fifth more instances, for upgrades
PROBE = {
    "initialDelay": "PT10S",
    "period": "PT10S",
    "timeout": "PT2S",
    "failureThreshold": 30,
    "successThreshold": 1,
}
REQUESTS = {"requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1, "maxQueueWait": "PT0.5S"}


@routes.on("PUT", "/{deployment}", f"{ACTION}/write")
def put(visit: Visit) -> Answer:
    given, key = body(visit, bodies.DEPLOYMENT), _key(visit)
    endpoint = found(visit)
    if not NAME.fullmatch(visit["deployment"]):
        raise invalid("name", f"The deployment name '{visit['deployment']}' is invalid")
    refuse_if_busy(visit)
    v2 = visit.workspace.v2
    _check_references(visit, given["properties"])
    if given["properties"]["endpointComputeType"].lower() == "managed":
        _check_quota(visit, key, given)
    before = v2.deployments.get(key)
    record = v2.deployments[key] = _record(visit, given, before)
    headers = start(visit, key, _task(visit, record, visit.machines.gateway(endpoint)))
    return as_headed(record, 200 if before else 201, headers)


@routes.on("GET", "", f"{ACTION}/read")
def listing(visit: Visit) -> Answer:
    found(visit)
    prefix = f"{visit['endpoint']}/"
    records = {key: record for key, record in visit.workspace.v2.deployments.items() if key.startswith(prefix)}
    for key in records:
        note_query(visit, key)
    return as_json({"value": list(records.values())})


@routes.on("GET", "/{deployment}", f"{ACTION}/read")
def read(visit: Visit) -> Answer:
    note_query(visit, _key(visit))
    return as_json(_found(visit))


@routes.on("DELETE", "/{deployment}", f"{ACTION}/delete")
def delete(visit: Visit) -> Answer:
    v2, name, key = visit.workspace.v2, visit["deployment"], _key(visit)
    if key not in v2.deployments:
        return Answer(204)
    endpoint, properties = found(visit), v2.deployments[key]["properties"]
    refuse_if_busy(visit)
    if any(endpoint["properties"][field].get(name) for field in ("traffic", "mirrorTraffic")):
        raise invalid("", f"The deployment '{name}' has traffic. Set its traffic to 0 before you delete it")
    gateway = visit.machines.gateway(endpoint)
    before, properties["provisioningState"] = properties["provisioningState"], "Deleting"

    def done() -> None:
        del v2.deployments[key]
        gateway.remove(name)

    def failed(_: Failure) -> None:
        properties["provisioningState"] = before

    return Answer(202, headers=start(visit, key, Task(done, failed)))


@routes.on("POST", "/{deployment}/getLogs", f"{ACTION}/getLogs/action")
def logs(visit: Visit) -> Answer:
    given = body(visit, bodies.LOGS)
    _found(visit)
    replica = visit.machines.gateway(found(visit)).latest.get(visit["deployment"])
    initializer = (given.get("containerType") or "").lower() == "storageinitializer"
    text = "" if replica is None else replica.initializer_log if initializer else replica.log()
    return as_json({"content": "".join(text.splitlines(keepends=True)[-given.get("tail", 500) :])})


def _task(visit: Visit, record: Record, gateway: Gateway) -> Task:
    """Start a replica. It takes over when it is ready."""
    machines, settings, properties = visit.machines, visit.world.settings, record["properties"]
    ready: list[Replica] = []

    def work() -> None:
        if properties.get("instanceType") in settings.no_capacity:
            raise no_capacity(properties["instanceType"])
        replica = replica_of(machines, visit.world, visit.workspace, copy.deepcopy(record))
        replica.seconds = seconds(properties["requestSettings"]["requestTimeout"])
        gateway.begin(record["name"], replica)
        try:
            replica.wait(settings.start_seconds)
        except Failure:
            replica.stop()
            raise
        ready.append(replica)

    def done() -> None:
        gateway.take_over(record["name"], ready[0])
        properties["provisioningState"] = "Succeeded"

    def failed(_: Failure) -> None:
        properties["provisioningState"] = "Failed"

    return Task(done, failed, work)


def seconds(duration: str) -> float:
    """The seconds of a duration such as `PT1M30S`."""
    units, total, number = {"D": 86400, "H": 3600, "M": 60, "S": 1}, 0.0, ""
    for letter in duration:
        if letter in units:
            total, number = total + float(number) * units[letter], ""
        elif letter not in "PT":
            number += letter
    return total


def _check_references(visit: Visit, properties: Record) -> None:
    """Raise Refusal if an asset of a deployment is not registered in the workspace."""
    v2 = visit.workspace.v2
    code = properties.get("codeConfiguration") or {}
    asked = [("environmentId", properties.get("environmentId"), "environments", v2.environments)]
    asked += [
        ("codeId", code.get("codeId"), "codes", v2.codes),
    ]
    if model_of(visit.world, properties.get("model") or "") is None:
        asked.append(("model", properties.get("model"), "models", v2.models))
    collections = (properties.get("dataCollector") or {}).get("collections") or {}
    asked += [("dataCollector", each.get("dataId"), "data", v2.data) for each in collections.values()]
    for field, identifier, kind, known in asked:
        if identifier is None:
            continue
        prefix = f"{visit.workspace.scope}/{kind}/".lower()
        if not identifier.lower().startswith(prefix) or key_of(identifier) not in known:
            raise invalid(field, f"The asset {identifier} was not found", CREATING)
    if not properties.get("environmentId"):
        raise invalid("environmentId", "A deployment needs an environment", CREATING)


def _check_quota(visit: Visit, key: str, given: Record) -> None:
    """Raise Refusal if the machines of a deployment need more cores than the subscription has left."""
    size = given["properties"].get("instanceType")
    if size not in CORES:
        raise invalid("VmSize", f"The instance type '{size}' is not supported", CREATING)
    limit, needed = visit.world.settings.cores, _cores(given)
    used = sum(_used(workspace, key) for workspace in visit.world.workspaces.values())
    if used + needed > limit:
        message = (
            f"Not enough quota available for {size} in SubscriptionId {visit['subscription']}. Current usage/limit: "
            f"{used}/{limit}. Additional needed: {needed} Please see troubleshooting guide, available here: "
            "https://aka.ms/oe-tsg#error-outofquota"
        )
        raise invalid("VmSize", message, CREATING)


def _used(workspace: Workspace, but: str) -> int:
    deployments = workspace.v2.deployments.items()
    return sum(_cores(item) for key, item in deployments if key != but and item["properties"].get("instanceType"))


def _cores(deployment: Record) -> int:
    instances = (deployment.get("sku") or {}).get("capacity") or 1
    return CORES[deployment["properties"]["instanceType"]] * math.ceil(instances * UPGRADE)


def _record(visit: Visit, given: Record, before: Record | None) -> Record:
    properties, name = given["properties"], visit["deployment"]
    identifier = f"{visit.workspace.scope}/onlineEndpoints/{visit['endpoint']}/deployments/{name}"
    settings = {
        "requestSettings": {**REQUESTS, **(properties.get("requestSettings") or {})},
        "livenessProbe": {**PROBE, **(properties.get("livenessProbe") or {})},
        "readinessProbe": {**PROBE, **(properties.get("readinessProbe") or {})},
        "scaleSettings": properties.get("scaleSettings") or {"scaleType": "Default"},
        "environmentVariables": properties.get("environmentVariables") or {},
        "properties": {
            **(properties.get("properties") or {}),
        },
        "provisioningState": "Updating" if before else "Creating",
    }
    return {
        "id": identifier,
        "name": name,
        "type": f"{PROVIDER}/onlineEndpoints/deployments",
        "location": visit.workspace.location,
        "kind": properties["endpointComputeType"],
        "tags": given.get("tags") or {},
        "sku": {"name": "Default", "tier": "Standard", "capacity": 1, **(given.get("sku") or {})},
        "systemData": system_data(visit, before),
        "properties": {
            "description": None,
            "appInsightsEnabled": False,
            "egressPublicNetworkAccess": "Enabled",
            **properties,
            **settings,
        },
    }


def _found(visit: Visit) -> Record:
    found(visit)
    deployments = visit.workspace.v2.deployments
    if _key(visit) not in deployments:
        raise absent(visit, f"onlineEndpoints/{visit['endpoint']}/deployments/{visit['deployment']}")
    return deployments[_key(visit)]


def _key(visit: Visit) -> str:
    return f"{visit['endpoint']}/{visit['deployment']}"
