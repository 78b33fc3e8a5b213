"""Register a model version with MLflow. A tag with its sha256 finds it again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from lading import ModelReference, RegisterRequest

from .contents import write_contents
from .port import Server
from .tracking import keep_run

SHA256_TAG = "lading.sha256"
_ARTIFACT = "model"


def register(server: Server, request: RegisterRequest, work: Path) -> ModelReference:
    """Register a model if no version has its bytes, and return the version. `work` is a scratch folder."""
    version = server.find_version(request.name, SHA256_TAG, request.sha256) or _create(server, request, work)
    url = server.version_url(request.name, version)
    return ModelReference(registry="mlflow", name=request.name, version=version, url=url)


def _create(server: Server, request: RegisterRequest, work: Path) -> str:
    # The version is created last, after all its parts. After an interrupt it is missing, so it is created again.
    run = _run_of(server, request)
    with TemporaryDirectory(dir=work) as folder:
        write_contents(Path(folder), request, run)
        source = server.upload(run, Path(folder), _ARTIFACT)
    server.create_model(request.name)
    tags = {**request.tags, SHA256_TAG: request.sha256, "lading.version": _own_version(request)}
    return server.create_version(request.name, source, run, tags, request.description)


def _run_of(server: Server, request: RegisterRequest) -> str:
    """The MLflow run that has the model as an artifact: the training run, or a separate run for a finished model."""
    if request.run is not None:
        return keep_run(server, request.run)
    now = datetime.now(UTC)
    run = server.find_run(SHA256_TAG, request.sha256)
    if run is None:
        run = server.create_run(f"{request.name}, a finished model", now, {SHA256_TAG: request.sha256})
    server.end_run(run, "FINISHED", now)
    return run


def _own_version(request: RegisterRequest) -> str:
    return f"{request.name}:{request.reference.version}" if request.reference else ""
