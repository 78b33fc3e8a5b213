"""The registry: register a model version of the store in the workspace, or in a registry of Azure ML.

The name of a version has the digest of the model, so the same model is the same version, and a repeated PUT changes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lading import Context, ModelReference, RegisterRequest, Run, model_files
from lading_azureml.port import SHA256, Taken
from lading_azureml.registering import BETWEEN, VERSION, described, each_model, tracked_id

from .artifacts import put_files

if TYPE_CHECKING:
    from lading import Json, ModelVersion

    from .connection import AzureV2Connection

_RUN, _FRAMEWORK = "lading.run", "lading.framework"
_SHOWN = 16  # digits of a digest in a name


def register(request: RegisterRequest, context: Context) -> ModelReference:
    """Register a model once. Several models are registered one by one; the reference then names each of them."""
    connection: AzureV2Connection = context.connection
    number = request.reference.version if request.reference else ""
    found = [f"{each.name}:{ensure(each, context, request.run, number)}" for each in each_model(request)]
    version = BETWEEN.join(found) if request.parts else found[0].rpartition(":")[2]
    return ModelReference(registry=connection.name, name=request.name, version=version)


def version_of(sha256: str) -> str:
    """The name of the version of a model with that digest. It does not look like one of Azure's own numbers."""
    return f"sha256-{sha256[:_SHOWN]}"


def ensure(model: RegisterRequest | ModelVersion, context: Context, run: Run | None = None, number: str = "") -> str:
    """The version of a model in the workspace or its registry. If there is none, the model is uploaded and registered.

    `number` is the store's own version. Another command may register the same model meanwhile. Raises Taken if the
    version of that name has another content.
    """
    connection: AzureV2Connection = context.connection
    registry, version = connection.registry, version_of(model.sha256)
    known = connection.models.model(model.name, version)
    if known is None:
        try:
            _register(model, version, context, run, number)
        except Taken:
            known = connection.models.model(model.name, version)
            if known is None:
                raise
    if known is not None and (known.get("properties") or {}).get(SHA256) != model.sha256:
        raise Taken(f"model {model.name} has a version {version} of another content", hint=_hint(model.name))
    if registry:
        registry.wait_for(model.name, version, context)
    return version


def _register(
    model: RegisterRequest | ModelVersion, version: str, context: Context, run: Run | None, number: str
) -> None:
    connection: AzureV2Connection = context.connection
    registry, tracked = connection.registry, tracked_id(run, connection.name)
    place = f"registry {registry.name}" if registry else f"workspace {connection.place.workspace}"
    context.intend(f"model/{model.name}/{model.sha256}")
    context.progress("registering", f"{model.name} in {place}")
    uri = registry.add_files(model, version) if registry else _upload(model, tracked, connection)
    job = None if registry else tracked  # a registry has no runs
    properties = {VERSION: number, **({_RUN: run.id} if run else {})}
    connection.models.put_model(model.name, version, _body(model, properties, uri, job))


def _hint(name: str) -> str:
    return f"give the model another name than {name}"


def _upload(model: RegisterRequest | ModelVersion, run: str | None, connection: AzureV2Connection) -> str:
    """Upload the files of a model, to those of its run if it has one. Returns the address of the model.

    The names of the files have the digest of the model. So a name with another content is not the work of Lading.
    """
    workspace, shown = connection.workspace, model.sha256[:_SHOWN]
    place = workspace.runs.place(run) if run else f"LocalUpload/{model.sha256[: 2 * _SHOWN]}"
    folder = f"models/{shown}/" if run else ""
    files = {f"{folder}{name}": file for name, file in model_files(model.file, model.file_name).items()}
    for name in put_files(workspace.services, place, files):
        raise Taken(f"{place} has a file {name} of another content", hint="delete it in the studio")
    return workspace.file_uri(f"{place}/{folder}{model.file_name}")


def _body(model: RegisterRequest | ModelVersion, more: Mapping[str, str], uri: str, run: str | None) -> Json:
    """A version with `more` properties."""
    properties = {
        SHA256: model.sha256,
        _FRAMEWORK: f"{model.framework} {model.framework_version}".strip(),
        **more,
        **described(model),
    }
    return {
        "properties": {
            "description": model.description,
            "tags": dict(model.tags),
            "properties": {name: text for name, text in properties.items() if text},
            "modelType": "custom_model",
            "modelUri": uri,
            "isAnonymous": False,
            "isArchived": False,
            **({"jobName": run} if run else {}),
        }
    }
