"""A package to build images of, and a fake engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.hook_kit import a_version
from tests.plugins.wire import Wire

from lading import ImageRequest, Package
from lading_docker.options import DockerOptions
from lading_docker.recipe import INPUTS, recipe

TAGS = {"lading.service": "price", "lading.package": "dd", "lading.model": "aa"}
SHA = "sha256:" + "5" * 64
REGISTRY = "registry.example:5000/team/price"


def a_package(folder: Path, *requirements: str, script: str = "score.py") -> Package:
    """A package with one script and a model of one byte."""
    (folder / "package" / "azureml-app").mkdir(parents=True)
    (folder / "package" / "azureml-app" / script).write_text("def init(): ...\n", encoding="utf-8")
    file = folder / "5f"
    file.write_bytes(b"7")
    model = a_version(file, sha256="aa", file_name="model.txt", framework="x", framework_version="1", python="3.11.7")
    return Package(
        digest="dd",
        folder=folder / "package",
        scoring_script=script,
        model=model,
        python="3.11.7",
        requirements=requirements or ("click==8.1.0",),
    )


def a_request(folder: Path, push: bool | None = None, **options: Any) -> ImageRequest[DockerOptions]:
    package = a_package(folder)
    return ImageRequest(package=package, options=DockerOptions(**options), service="price", tags=TAGS, push=push)


def digest_of(request: ImageRequest[DockerOptions]) -> str:
    return recipe(request, request.options).digest


def stream(wire: Wire, path: str, *events: Mapping[str, Any]) -> None:
    """Respond to a POST like an engine: one line of JSON per event, in chunks."""
    body = "".join(f"{json.dumps(event)}\n" for event in events)
    wire.answer("POST", path, body, Transfer_Encoding="chunked")


def has_image(
    wire: Wire, name: str, digest: str = "", identity: str = "sha256:1d", architecture: str = "amd64"
) -> None:
    """Respond that the engine has an image with this digest of its inputs."""
    labels = {INPUTS: digest} if digest else None
    told = {"Id": identity, "Os": "linux", "Architecture": architecture, "Config": {"Labels": labels}}
    wire.answer("GET", f"/images/{name}/json", told)


def lacks(wire: Wire, name: str) -> None:
    wire.answer("GET", f"/images/{name}/json", {"message": f"No such image: {name}"}, 404)
