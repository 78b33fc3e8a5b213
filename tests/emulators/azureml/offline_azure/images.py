"""Packages: images that are built and not deployed. The log of the build is a blob, which the SDK reads unsigned."""

from __future__ import annotations

from .messages import Answer, Refusal, WrongShape
from .operations import Work, begin
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .shapes import check, check_image

routes = Routes(DATA_PLANE, prefix=f"/modelmanagement/v1.0{WORKSPACE}")
ROUTES = (routes,)


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
    location = f"{registry(visit)}/{name}:{label}"

    def work() -> None:
        with visit.machines.lock:
            visit.workspace.images[location] = body["imageRequest"]

    return begin(visit, "PackageDockerImage", location, Work(work))


def registry(visit: Visit) -> str:
    """The host of the workspace's container registry."""
    return f"{visit.workspace.container.replace('-', '')}.azurecr.io"
