"""AKS clusters as computes of a workspace: attached, created, read and removed.

They are written through Resource Manager and read through the workspace's own API.
"""

from __future__ import annotations

import uuid

from .messages import Answer, Refusal, WrongShape, as_json
from .routing import DATA_PLANE, MANAGEMENT, WORKSPACE, Routes, Visit
from .shapes import check
from .state import Record, now

manager = Routes(MANAGEMENT)
reader = Routes(DATA_PLANE, prefix=f"/rp/workspaces{WORKSPACE}/computes")
ROUTES = (manager, reader)

STATUS = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/computeOperationsStatus/{operation}"
CLUSTER = {"agentCount": 3, "agentVmSize": "Standard_D3_v2", "clusterPurpose": "FastProd"}


@manager.on("PUT", WORKSPACE + "/computes/{compute}")
def create(visit: Visit) -> Answer:
    """An existing cluster is attached. Otherwise a new one is created."""
    body = visit.request.json()
    check("compute", body, {"properties": dict})
    given = body["properties"]
    if given.get("computeType") != "AKS":
        raise WrongShape(f"no compute of the type {given.get('computeType')!r}")
    if visit["compute"] in visit.workspace.computes:
        raise Refusal(409, "ComputeAlreadyExists", f"The compute {visit['compute']} already exists")
    record = _record(visit, body.get("location"), given)
    visit.workspace.computes[visit["compute"]] = record
    return _begun(visit, record, 201)


@manager.on("DELETE", WORKSPACE + "/computes/{compute}")
def delete(visit: Visit) -> Answer:
    record = _compute(visit)
    if visit.query.get("underlyingResourceAction") not in ("delete", "detach"):
        raise WrongShape("what becomes of the cluster is not said")
    del visit.workspace.computes[visit["compute"]]
    return _begun(visit, record, 202)


@manager.on("GET", STATUS)
def status(visit: Visit) -> Answer:
    operation = visit.world.operations.get(visit["operation"])
    if operation is None:
        raise Refusal(404, "OperationNotFound", f"Operation {visit['operation']} was not found")
    return as_json(_advance(visit, operation))


@reader.on("GET", "")
def listing(visit: Visit) -> Answer:
    return as_json({"value": [_read(visit, record) for record in visit.workspace.computes.values()]})


@reader.on("GET", "/{compute}")
def read(visit: Visit) -> Answer:
    return as_json(_read(visit, _compute(visit)))


def _read(visit: Visit, compute: Record) -> Record:
    """A cluster gets ready if either its operation or the cluster itself is queried."""
    for operation in visit.world.operations.values():
        if operation["compute"] is compute:
            _advance(visit, operation)
    return compute


def _advance(visit: Visit, operation: Record) -> Record:
    operation["polls"] += 1
    if operation["stuck"] or operation["polls"] <= visit.world.settings.polls:
        return {"status": "Running"}
    properties = operation["compute"]["properties"]
    if operation["error"]:
        properties.update(provisioningState="Failed", provisioningErrors=[{"error": operation["error"]}])
        return {"status": "Failed", "error": operation["error"]}
    properties["provisioningState"] = "Succeeded"
    return {"status": "Succeeded"}


def _record(visit: Visit, location: str | None, given: Record) -> Record:
    attached = given.get("resourceId")
    managed = f"/subscriptions/{visit['subscription']}/resourceGroups/{visit['group']}/providers"
    resource = attached or f"{managed}/Microsoft.ContainerService/managedClusters/{visit['compute']}"
    cluster = {**CLUSTER, **{name: value for name, value in (given.get("properties") or {}).items() if value}}
    location = location or visit.workspace.location
    return {
        "id": f"{visit.workspace.scope}/computes/{visit['compute']}",
        "name": visit["compute"],
        "location": location,
        "tags": None,
        "properties": {
            "computeType": "AKS",
            "computeLocation": location,
            "description": given.get("description"),
            "resourceId": resource,
            "provisioningState": "Creating",
            "provisioningErrors": None,
            "createdOn": now(),
            "modifiedOn": now(),
            "isAttachedCompute": bool(attached),
            "properties": {
                "clusterFqdn": f"{visit['compute']}.azmk8s.io",
                "systemServices": [],
                "sslConfiguration": None,
                "aksNetworkingConfiguration": None,
                "loadBalancerType": "PublicIp",
                "loadBalancerSubnet": None,
                **cluster,
            },
        },
    }


def _begun(visit: Visit, compute: Record, code: int) -> Answer:
    forced = visit.fault.operation if visit.fault else {}
    identifier = str(uuid.uuid4())
    operation = {"compute": compute, "polls": 0, "stuck": bool(forced.get("stuck")), "error": forced.get("error")}
    visit.world.operations[identifier] = operation
    if operation["stuck"]:
        visit.machines.held.append(lambda: operation.update(stuck=False))
    path = STATUS.format(subscription=visit["subscription"], operation=identifier)
    headers = {"Azure_AsyncOperation": f"https://{visit.request.head.host}{path}?api-version=2020-02-02"}
    return as_json(compute, code, **headers)


def _compute(visit: Visit) -> Record:
    if visit["compute"] not in visit.workspace.computes:
        raise Refusal(404, "ComputeNotFound", f"The compute {visit['compute']} was not found")
    return visit.workspace.computes[visit["compute"]]
