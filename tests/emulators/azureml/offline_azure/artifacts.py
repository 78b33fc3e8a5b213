"""Artifacts: names in the workspace for blobs. The client reads and writes the blobs itself, through signed URLs."""

from __future__ import annotations

import posixpath

from .messages import Answer, Refusal, WrongShape, as_json
from .routing import DATA_PLANE, WORKSPACE, Routes, Visit
from .state import Record, Workspace, now

routes = Routes(DATA_PLANE, prefix=f"/artifact/v2.0{WORKSPACE}/artifacts")
ROUTES = (routes,)

ORIGINS = ("ExperimentRun", "LocalUpload")


@routes.on("POST", "/batch/metadata/{origin}/{container}")
def create(visit: Visit) -> Answer:
    if visit["origin"] not in ORIGINS:
        raise WrongShape(f"no artifacts come from {visit['origin']!r}")
    paths = [item["path"] for item in visit.request.json()["paths"]]
    taken = {path for path in paths if _identifier(visit) + posixpath.normpath(path) in visit.workspace.artifacts}
    made = {
        path: _add(visit.workspace, visit["origin"], visit["container"], path) for path in paths if path not in taken
    }
    return as_json(
        {
            "artifacts": made,
            "artifactContentInformation": {path: _content(visit, item, "rcw") for path, item in made.items()},
            "errors": {path: _conflict(_identifier(visit) + path) for path in taken},
        }
    )


@routes.on("GET", "/write/{origin}/{container}/{path*}")
def write_address(visit: Visit) -> Answer:
    """A signed URL to write an artifact that exists."""
    return as_json(_content(visit, find(visit.workspace, _identifier(visit) + visit["path"]), "rcw"))


@routes.on("GET", "/contentinfo/{origin}/{container}/{path*}")
def content(visit: Visit) -> Answer:
    return as_json(_content(visit, find(visit.workspace, _identifier(visit) + visit["path"]), "r"))


@routes.on("GET", "/prefix/contentinfo/{origin}/{container}/{path*}")
def contents_below(visit: Visit) -> Answer:
    below = _identifier(visit) + visit["path"]
    return as_json({"value": [_content(visit, item, "r") for item in having_prefix(visit.workspace, below)]})


@routes.on("GET", "/prefix/contentinfo/{origin}/{container}")
def contents(visit: Visit) -> Answer:
    found = having_prefix(visit.workspace, _identifier(visit))
    return as_json({"value": [_content(visit, item, "r") for item in found]})


@routes.on("GET", "/metadata/{origin}/{container}/{path*}")
def metadata(visit: Visit) -> Answer:
    return as_json(find(visit.workspace, _identifier(visit) + visit["path"]))


@routes.on("GET", "/{origin}/{container}")
def listing(visit: Visit) -> Answer:
    return as_json({"value": having_prefix(visit.workspace, _identifier(visit))})


def having_prefix(workspace: Workspace, prefix: str) -> list[Record]:
    """The artifacts at `origin/container/path`, or below it."""
    whole = prefix.rstrip("/")
    names = [name for name in workspace.artifacts if name == whole or name.startswith(whole + "/")]
    return [workspace.artifacts[name] for name in names]


def find(workspace: Workspace, identifier: str) -> Record:
    """The artifact `origin/container/path`. Raises Refusal if it does not exist."""
    if identifier not in workspace.artifacts:
        raise Refusal(404, "UserError", f"Artifact {identifier} was not found")
    return workspace.artifacts[identifier]


def _conflict(identifier: str) -> Record:
    return {"error": {"code": "UserError", "message": f"Resource Conflict: ArtifactId {identifier} already exists."}}


def _identifier(visit: Visit) -> str:
    return f"{visit['origin']}/{visit['container']}/"


def _add(workspace: Workspace, origin: str, container: str, asked: str) -> Record:
    path = posixpath.normpath(asked)  # a completed run names its outputs ./outputs/...
    identifier = f"{origin}/{container}/{path}"
    workspace.artifacts[identifier] = {
        "artifactId": identifier,
        "origin": origin,
        "container": container,
        "path": path,
        "createdTime": now(),
    }
    return workspace.artifacts[identifier]


def _content(visit: Visit, artifact: Record, permissions: str) -> Record:
    named = {name: artifact[name] for name in ("origin", "container", "path")}
    blobs = visit.machines.blobs
    return {"contentUri": blobs.url(visit.workspace.container, artifact["artifactId"], permissions), **named}
