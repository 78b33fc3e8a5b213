"""Model management: assets are artifacts with a prefix, and models are assets with a name and a version."""

from __future__ import annotations

import posixpath
import uuid

from .artifacts import having_prefix
from .json_patch import patched
from .messages import Answer, Refusal, WrongShape, as_json
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .shapes import check
from .state import Record, Workspace, now

routes = Routes(DATA_PLANE, prefix=f"/modelmanagement/v1.0{WORKSPACE}")
ROUTES = (routes,)

ASSET = "aml://asset/"
MODEL = {"name": str, "url": str, "mimeType": str}
EDITABLE = ("kvTags", "properties", "description", "sampleInputData", "sampleOutputData", "resourceRequirements")
KEPT = (  # every key is in the response, even if it was not given
    "name", "url", "mimeType", "description", "kvTags", "properties", "unpack", "framework", "frameworkVersion",
    "runId", "experimentName", "datasets", "sampleInputData", "sampleOutputData", "resourceRequirements",
)  # fmt: skip


@routes.on("POST", "/assets")
def create_asset(visit: Visit) -> Answer:
    body = visit.request.json()
    check("asset", body, {"name": str, "artifacts": list})
    for artifact in body["artifacts"]:
        prefix = artifact.get("prefix") or artifact.get("id") or ""
        if not having_prefix(visit.workspace, prefix):
            raise WrongShape(f"the asset names {prefix!r}, where no artifact is")
    identifier = uuid.uuid4().hex
    visit.workspace.assets[identifier] = {**body, "id": identifier, "createdTime": now()}
    return as_json(visit.workspace.assets[identifier])


@routes.on("GET", "/assets")
def list_assets(visit: Visit) -> Answer:
    wanted = {key: visit.query[name] for name, key in (("runId", "runid"), ("name", "name")) if name in visit.query}
    assets = visit.workspace.assets.values()
    return as_json({"value": [asset for asset in assets if wanted.items() <= asset.items()]})


@routes.on("GET", "/assets/{asset}")
def read_asset(visit: Visit) -> Answer:
    return as_json(_found(visit.workspace.assets, visit["asset"], "Asset"))


@routes.on("POST", "/models")
def create_model(visit: Visit) -> Answer:
    body = visit.request.json()
    check("model", body, MODEL)
    workspace = visit.workspace
    if body["url"].removeprefix(ASSET) not in workspace.assets:
        raise WrongShape(f"the model's url {body['url']!r} is no asset's")
    versions = [model["version"] for model in workspace.models.values() if model["name"] == body["name"]]
    version = max(versions, default=0) + 1
    identifier = f"{body['name']}:{version}"
    stamps = {"createdTime": now(), "modifiedTime": now(), "createdBy": {"userObjectId": visit.world.client_id}}
    record = {name: body.get(name) for name in KEPT}
    record.update(id=identifier, version=version, unpack=bool(body.get("unpack")), **stamps)
    workspace.models[identifier] = record
    workspace.unlisted[identifier] = visit.world.settings.lists_lag
    return as_json(record)


@routes.on("GET", "/models")
def list_models(visit: Visit) -> Answer:
    query = visit.query
    found = [model for model in _listed(visit.workspace) if _fits(model, query)]
    if query.get("latestVersionOnly", "").lower() == "true":
        found = [model for at, model in enumerate(found) if model["name"] not in [it["name"] for it in found[:at]]]
    return as_json({"value": found[: int(query["count"])] if query.get("count") else found})


@routes.on("GET", "/models/{model}")
def read_model(visit: Visit) -> Answer:
    return as_json(_found(visit.workspace.models, visit["model"], "Model"))


@routes.on("PATCH", "/models/{model}")
def patch_model(visit: Visit) -> Answer:
    record = _found(visit.workspace.models, visit["model"], "Model")
    record.update(patched(record, visit.request.json(), EDITABLE), modifiedTime=now())
    return as_json(record)


@routes.on("DELETE", "/models/{model}")
def delete_model(visit: Visit) -> Answer:
    _found(visit.workspace.models, visit["model"], "Model")
    del visit.workspace.models[visit["model"]]
    return Answer(200)


def files(workspace: Workspace, model: Record) -> dict[str, str]:
    """The artifacts of a model, by their path below the folder of the version."""
    found: dict[str, str] = {}
    for artifact in workspace.assets[model["url"].removeprefix(ASSET)]["artifacts"]:
        prefix = artifact.get("prefix") or artifact["id"]
        above = posixpath.dirname(prefix)
        for item in having_prefix(workspace, prefix):
            found[posixpath.relpath(item["artifactId"], above)] = item["artifactId"]
    return found


def pairs_fit(record: Record, wanted: str | None, part: str) -> bool:
    """Whether the record has the tags or properties of a query: `name=value,name`."""
    have = record[part] or {}
    for pair in filter(None, (wanted or "").split(",")):
        name, equals, value = pair.partition("=")
        if name not in have or (equals and have[name] != value):
            return False
    return True


def _listed(workspace: Workspace) -> list[Record]:
    """The models in a list, newest first. A list can lag behind the models that were just made."""
    missing = {name for name, lists in workspace.unlisted.items() if lists > 0}
    workspace.unlisted = {name: lists - 1 for name, lists in workspace.unlisted.items() if lists > 1}
    return [model for name, model in reversed(workspace.models.items()) if name not in missing]


def _fits(model: Record, query: dict[str, str]) -> bool:
    plain = all(not query.get(name) or model[name] == query[name] for name in ("name", "framework", "runId"))
    return (
        plain
        and pairs_fit(model, query.get("tags"), "kvTags")
        and pairs_fit(model, query.get("properties"), "properties")
    )


def _found(records: dict[str, Record], name: str, kind: str) -> Record:
    if name not in records:
        raise Refusal(404, f"{kind}NotFound", f"{kind} with id {name} was not found")
    return records[name]
