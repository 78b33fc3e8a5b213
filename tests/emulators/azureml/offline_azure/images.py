"""Packages: images that are built but not deployed, and their registry.

The log of a build is a blob that the SDK reads without a signature.
"""

from __future__ import annotations

import base64
import hashlib
import json

from .environments import build
from .messages import Answer, Refusal, WrongShape
from .operations import Work, begin
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .shapes import check, check_image
from .state import Record, Workspace

routes = Routes(DATA_PLANE, prefix=f"/modelmanagement/v1.0{WORKSPACE}")
registries = Routes(r"[a-z0-9]+\.azurecr\.io", prefix="/v2", signed_in=False)
ROUTES = (routes, registries)

REGISTRY_PASSWORD = "canary-registry-password"


@routes.on("POST", "/packages")
def create(visit: Visit) -> Answer:
    body = visit.request.json()
    check("package", body, {"imageRequest": dict, "packageType": str})
    if body["packageType"] != "DockerImage":
        raise Refusal(501, "NotImplemented", f"the offline azure builds no {body['packageType']}")
    check_image(visit.workspace, body["imageRequest"])
    name = body.get("imageName") or "package"
    if name != name.lower():
        raise WrongShape(f"no image can be called {name!r}")
    label = body.get("imageLabel") or str(visit.workspace.next())
    location = f"{registry(visit.workspace)}/{name}:{label}"

    def work() -> None:
        build(body["imageRequest"]["environment"])
        with visit.machines.lock:
            visit.workspace.images[location] = body["imageRequest"]

    return begin(visit, "PackageDockerImage", location, Work(work))


@registries.on("HEAD", "/{name*}/manifests/{label}")
def read_manifest(visit: Visit) -> Answer:
    """The manifest of an image that a workspace has built. Its digest depends on the inputs of the image."""
    host = visit.request.head.host
    if visit.request.head.headers.get("authorization") != _basic(host):
        return Answer(401, headers={"WWW-Authenticate": f'Basic realm="{host}"'})
    location = f"{host}/{visit['name']}:{visit['label']}"
    for workspace in visit.world.workspaces.values():
        if location in workspace.images:
            built_from = json.dumps(workspace.images[location], sort_keys=True).encode()
            return Answer(200, headers={"Docker-Content-Digest": f"sha256:{hashlib.sha256(built_from).hexdigest()}"})
    return Answer(404)


def registry(workspace: Workspace) -> str:
    """The host of a workspace's container registry."""
    return f"{workspace.container.replace('-', '')}.azurecr.io"


def credentials(workspace: Workspace) -> Record:
    """The credentials of the registry's admin user, who has the registry's name."""
    host = registry(workspace)
    passwords = [{"name": "password", "value": REGISTRY_PASSWORD}]
    return {"location": host, "username": host.partition(".")[0], "passwords": passwords}


def _basic(host: str) -> str:
    return "Basic " + base64.b64encode(f"{host.partition('.')[0]}:{REGISTRY_PASSWORD}".encode()).decode()
