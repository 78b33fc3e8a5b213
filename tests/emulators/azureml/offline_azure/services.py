"""Services on ACI and AKS: created, read, changed and deleted, with their keys, tokens and logs."""

from __future__ import annotations

import copy
import secrets
import time

from .deploying import deploy
from .fronts import Front
from .json_patch import patched, touched
from .messages import Answer, Refusal, WrongShape, as_json
from .models import pairs_fit
from .operations import Failure, Work, begin
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .service_records import EDITABLE, PLAIN, new_keys, new_record, read_record
from .shapes import check, check_image, check_service
from .state import Record, now

routes = Routes(DATA_PLANE, prefix=f"/modelmanagement/v1.0{WORKSPACE}/services")
ROUTES = (routes,)

CHECKS = ("Create", "Update", "Delete")


@routes.on("POST", "/validate/name/{service}")
def validate_name(visit: Visit) -> Answer:
    if visit["service"] in visit.workspace.services:
        return as_json({"error": {"message": f"Service {visit['service']} with the same name already exists."}})
    return as_json({})


@routes.on("POST", "/validate")
def validate(visit: Visit) -> Answer:
    if visit.request.json().get("type") not in CHECKS:
        raise WrongShape("the type of what is validated is Create, Update or Delete")
    return as_json({})


@routes.on("POST", "/validate/resource")
def validate_resource(visit: Visit) -> Answer:
    return as_json({})


@routes.on("POST", "")
def create(visit: Visit) -> Answer:
    body = visit.request.json()
    check_service(visit.workspace, body)
    name = body["name"]
    before = visit.workspace.services.get(name)
    if before is not None and not body.get("overwrite"):
        raise Refusal(409, "ServiceConflict", f"Service {name} already exists")
    if body["computeType"] == "AKS" and body["computeName"] not in visit.workspace.computes:
        raise Refusal(404, "ComputeNotFound", f"Compute {body['computeName']} was not found")
    service = new_record(visit.workspace, body)
    if before is None:
        return _create(visit, service, body)
    service["scoringUri"], service["createdTime"] = before["scoringUri"], before["createdTime"]
    return _change(visit, before, service)


@routes.on("GET", "")
def listing(visit: Visit) -> Answer:
    query, found = visit.query, []
    for service in visit.workspace.services.values():
        kind = query.get("computeType", service["computeType"])
        fits = pairs_fit(service, query.get("tags"), "kvTags") and pairs_fit(
            service, query.get("properties"), "properties"
        )
        if kind == service["computeType"] and fits:
            found.append(read_record(visit.workspace, service))
    return as_json({"value": found})


@routes.on("GET", "/{service}")
def read(visit: Visit) -> Answer:
    stale = visit.workspace.stale.get(visit["service"])
    return as_json(stale.pop() if stale else read_record(visit.workspace, _service(visit)))


@routes.on("PATCH", "/{service}")
def patch(visit: Visit) -> Answer:
    service, steps = _service(visit), visit.request.json()
    changed = patched(service, steps, EDITABLE)
    check_image(visit.workspace, changed["environmentImageRequest"])
    if touched(steps) <= PLAIN:
        service.update(changed, updatedTime=now())
        return as_json(read_record(visit.workspace, service))
    return _change(visit, service, changed)


@routes.on("DELETE", "/{service}")
def delete(visit: Visit) -> Answer:
    if visit["service"] not in visit.workspace.services:
        return Answer(204)
    forced = visit.fault.operation if visit.fault else {}
    if not (forced or visit.world.settings.deletes_last):
        _remove(visit)
        return Answer(200)
    service = _service(visit)
    before, service["state"] = service["state"], "Deleting"

    def work() -> None:
        with visit.machines.lock:
            _remove(visit)

    def undone(_: Failure) -> None:
        with visit.machines.lock:
            service["state"] = before

    return begin(visit, "DeleteService", f"/services/{visit['service']}", Work(work, undone))


@routes.on("POST", "/{service}/listkeys")
def list_keys(visit: Visit) -> Answer:
    _service(visit)
    return as_json(visit.workspace.keys[visit["service"]])


@routes.on("POST", "/{service}/regenerateKeys")
def regenerate_keys(visit: Visit) -> Answer:
    _service(visit)
    body = visit.request.json()
    if body.get("keyType") not in ("Primary", "Secondary"):
        raise WrongShape(f"no key is called {body.get('keyType')!r}")
    which = f"{body['keyType'].lower()}Key"
    visit.workspace.keys[visit["service"]][which] = visit.world.issue(body.get("keyValue") or secrets.token_urlsafe(24))
    return begin(visit, "RegenerateKeys", f"/services/{visit['service']}", Work(lambda: None))


@routes.on("POST", "/{service}/token")
def token(visit: Visit) -> Answer:
    if not _service(visit).get("aadAuthEnabled"):
        raise Refusal(400, "TokenAuthNotEnabled", "Token authentication is not enabled for this service")
    issued, expiry = visit.world.issue(secrets.token_urlsafe(32)), int(time.time()) + visit.world.settings.token_seconds
    _front(visit).tokens[issued] = expiry
    refresh = expiry - visit.world.settings.token_seconds // 5
    answer = {"accessToken": issued, "tokenType": "Bearer", "refreshAfter": refresh, "expiryOn": expiry}
    return as_json(answer, 201)


@routes.on("GET", "/{service}/logs")
def logs(visit: Visit) -> Answer:
    _service(visit)
    lines = _front(visit).log().splitlines(keepends=True)
    return as_json({"content": "".join(lines[-int(visit.query.get("tail", 5000)) :])})


def _remove(visit: Visit) -> None:
    visit.machines.close_front(_front(visit))
    del visit.workspace.services[visit["service"]]
    del visit.workspace.keys[visit["service"]]


def _create(visit: Visit, service: Record, body: Record) -> Answer:
    if body.get("keys"):
        check("service", body, {"keys": dict})
    workspace = visit.workspace
    workspace.services[service["name"]] = service
    keys = workspace.keys[service["name"]] = new_keys(body.get("keys"))
    for key in keys.values():
        visit.world.issue(key)
    front = Front(service, keys)
    visit.machines.open(front)
    return deploy(visit, service, front, None)


def _change(visit: Visit, service: Record, changed: Record) -> Answer:
    before = copy.deepcopy(service)
    visit.workspace.stale[service["name"]] = [read_record(visit.workspace, before)] * visit.world.settings.reads_lag
    service.update(changed)
    return deploy(visit, service, visit.machines.front(visit.workspace.scope, service["name"]), before)


def _service(visit: Visit) -> Record:
    name = visit["service"]
    if name not in visit.workspace.services:
        raise Refusal(404, "ServiceNotFound", f"Service with name {name} was not found")
    return visit.workspace.services[name]


def _front(visit: Visit) -> Front:
    return visit.machines.front(visit.workspace.scope, visit["service"])
