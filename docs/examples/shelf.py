import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lading import (
    ConnectRequest,
    Context,
    Description,
    ManifestPath,
    ModelReference,
    Options,
    RegisterRequest,
    copy_model,
    hookimpl,
)


@dataclass(frozen=True)
class ShelfOptions(Options):
    folder: ManifestPath
    """The folder that keeps the models."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="models on a shelf", api=1, options=ShelfOptions)


@hookimpl
def lading_connect(request: ConnectRequest[ShelfOptions]) -> Path:
    return request.options.folder


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    shelf: Path = context.connection
    place = shelf / request.name
    place.mkdir(parents=True, exist_ok=True)
    versions = sorted(int(folder.name) for folder in place.iterdir() if folder.name.isdecimal())
    for version in versions:
        if json.loads((place / str(version) / "about.json").read_text())["sha256"] == request.sha256:
            return ModelReference(registry="shelf", name=request.name, version=str(version))
    version = max(versions, default=0) + 1
    beside = place / f"unfinished-{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    copy_model(request.file, request.file_name, beside, link=False)
    about = {
        "sha256": request.sha256,
        "description": request.description,
        "tags": dict(request.tags),
        "run": request.run.id if request.run else None,
    }
    (beside / "about.json").write_text(json.dumps(about), encoding="utf-8")
    beside.rename(place / str(version))
    return ModelReference(registry="shelf", name=request.name, version=str(version))
