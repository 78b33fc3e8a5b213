"""Replicas for the environment of a deployment.

- Code and an environment: Azure's inference server with the code, the resolved environment and the model.
- An image, with `Settings.images`: the folder there with its digest has `image.json`, with `entrypoint` and `env`. Its
  command runs as a process of this machine. In the command, `{python}` and `{port}` are replaced.
- An image, with `Settings.engine`: a container of that engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..environments import build
from ..machines import Machines
from ..operations import Failure
from ..state import Record, Workspace, World
from .registries import model_of
from .replicas import ProcessReplica, Replica, Routes, no_image

PATHS = re.compile(r"azureml:.*/datastores/workspace(?:blob|artifact)store/paths/(.+)")


def replica_of(machines: Machines, world: World, workspace: Workspace, deployment: Record) -> Replica:
    """A replica that is not started yet. Raises Failure if the image cannot be built or pulled."""
    properties, settings = deployment["properties"], world.settings
    environment = workspace.v2.environments[key_of(properties["environmentId"])]["properties"]
    given: Mapping[str, str] = properties["environmentVariables"]
    if properties.get("codeConfiguration"):
        return _script(machines, world, workspace, properties, environment, given)
    routes, image = routes_of(environment.get("inferenceConfig") or {}), environment["image"]
    if settings.engine:
        from .engine import ContainerReplica

        return ContainerReplica(settings.engine, image, routes, given)
    folder = Path(settings.images, image.rpartition(":")[2])
    if not settings.images or not (folder / "image.json").is_file():
        raise no_image(image, "manifest unknown")
    replica = ProcessReplica(machines.folder, routes.readiness)
    replica.run_image(folder, given)
    return replica


def routes_of(config: Record) -> Routes:
    """The routes of an environment's `inferenceConfig`."""
    found: dict[str, Any] = {}
    for name in ("liveness", "readiness", "scoring"):
        if route := config.get(f"{name}Route"):
            found |= {name: route["path"], "port": route["port"]}
    return Routes(**found)


def key_of(identifier: str) -> str:
    """`name:version` of an asset's resource id."""
    parts = identifier.split("/")
    return f"{parts[-3]}:{parts[-1]}"


def _script(
    machines: Machines,
    world: World,
    workspace: Workspace,
    properties: Record,
    environment: Record,
    given: Mapping[str, str],
) -> Replica:
    build(_v1_environment(environment))
    replica = ProcessReplica(machines.folder)
    app, lines = replica.folder / "azureml-app", []
    code = workspace.v2.codes[key_of(properties["codeConfiguration"]["codeId"])]["properties"]["codeUri"]
    container, _, name = code.partition(f"{machines.blobs.host}/")[2].partition("/")
    lines += _download(machines, container, name, app)
    models = app / "azureml-models"
    if properties.get("model"):
        version = key_of(properties["model"])
        models = models.joinpath(*version.rsplit(":", 1))
        model = model_of(world, properties["model"]) or workspace.v2.models[version]
        lines += _download(machines, *_files(machines, workspace, model), models)
    replica.initializer_log = "".join(f"Downloaded {line}\n" for line in lines)
    replica.run_script(app / name / properties["codeConfiguration"]["scoringScript"], app, models, given)
    return replica


def _files(machines: Machines, workspace: Workspace, model: Record) -> tuple[str, str]:
    """The container of the files of a model, of the workspace or of a registry, and their place in it."""
    uri = model["properties"]["modelUri"]
    if path := PATHS.fullmatch(uri):
        return workspace.container, path[1]
    container, _, place = uri.partition(f"{machines.blobs.host}/")[2].partition("/")
    if not place:
        raise _no_model(model["name"])
    return container, place


def _download(machines: Machines, container: str, name: str, folder: Path) -> list[str]:
    """Write the blob `name`, or all blobs below it, into a folder. Returns their names."""
    above = name.rpartition("/")[0]
    found = machines.blobs.names(container, name)
    for blob in found:
        file = folder / blob.removeprefix(above).lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(machines.blobs.get(container, blob))
    return found


def _v1_environment(environment: Record) -> Record:
    """The part of an environment that decides what is installed, in the form of SDK v1."""
    conda = yaml.safe_load(environment.get("condaFile") or "{}")
    return {
        "python": {"condaDependencies": conda},
        "inferencingStackVersion": "inference" in (environment.get("image") or ""),
    }


def _no_model(version: str) -> Failure:
    message = f"The files of the model {version} were not found"
    return Failure({"code": "BadArgument", "message": message, "details": []}, "DeployService")
