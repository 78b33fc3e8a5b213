"""The registry: register a model version of the store in the workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lading import Context, ModelReference, ModelVersion, RegisterRequest, Run

from .port import SHA256, NewModel, RegisteredModel

if TYPE_CHECKING:
    from .connection import AzureConnection

VERSION = "lading.version"
COLUMNS = "lading.columns"
SAMPLE_INPUT = "lading.sample_input"
BETWEEN = ", "  # between the ids of several models in the version of their reference
_LONGEST = 1000  # characters: Azure ML's limit for a property of a run; its limit for a model is unknown
_FRAMEWORKS = {"scikit-learn": "ScikitLearn", "onnx": "Onnx", "tensorflow": "TensorFlow"}


def register(request: RegisterRequest, context: Context) -> ModelReference:
    """Register a model once. The same bytes under the same name are the same version.

    Several models are registered one by one. The version of the reference then names each of them.
    """
    connection: AzureConnection = context.connection
    version = request.reference.version if request.reference else ""
    models = ensure_registered(connection, request, request.run, version, context)
    found = BETWEEN.join(model.id for model in models) if request.parts else str(models[0].version)
    return ModelReference(registry=connection.name, name=request.name, version=found)


def ensure_registered(
    connection: AzureConnection, model: RegisterRequest | ModelVersion, run: Run | None, version: str, context: Context
) -> tuple[RegisteredModel, ...]:
    """The workspace's version of a model, or of each one in a folder of several. See `_ensure`."""
    return tuple(_ensure(connection, each, run, version, context) for each in each_model(model))


def each_model(model: RegisterRequest | ModelVersion) -> Iterator[RegisterRequest | ModelVersion]:
    """A model, or each one in a folder of several."""
    if not model.parts:
        yield model
    for part in model.parts:
        yield replace(
            model,
            name=part.name,
            sha256=part.sha256,
            file=model.file / part.place,
            file_name=part.file_name,
            framework=part.framework,
            framework_version=part.framework_version,
        )


def _ensure(
    connection: AzureConnection, model: RegisterRequest | ModelVersion, run: Run | None, version: str, context: Context
) -> RegisteredModel:
    """The workspace's version of a model. If there is none, the model is uploaded and registered. `version` is the
    store's own.

    A version whose id is known is read by it, because a list can lag behind.
    """
    asked = _Asked.read(context.work, model.sha256)
    known = _known(connection, model, asked)
    if known is not None:
        return known
    context.intend(f"model/{model.name}/{model.sha256}")
    context.progress("registering", f"{model.name} in workspace {connection.place.workspace}")
    tracked = tracked_id(run, connection.name)
    experiment = connection.experiment or (run.name if run else None)
    _Asked(model.sha256).write(context.work)
    registered = connection.workspace.register_model(
        NewModel(
            name=model.name,
            file=model.file,
            file_name=model.file_name,
            framework=_FRAMEWORKS.get(model.framework, "Custom"),
            framework_version=model.framework_version,
            description=model.description,
            tags=model.tags,
            properties={SHA256: model.sha256, VERSION: version, **described(model)},
            run=tracked,
            experiment=experiment if tracked else None,
        )
    )
    _Asked(model.sha256, registered.version).write(context.work)
    return registered


@dataclass(frozen=True)
class _Asked:
    """A registration that was requested. `version` is None if its answer was lost.

    Nobody needs to trust the record: the version that it names must have the bytes of the model.
    """

    sha256: str
    version: int | None = None

    @classmethod
    def read(cls, folder: Path, sha256: str) -> _Asked | None:
        try:
            found = cls(**json.loads(_file(folder, sha256).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.sha256 == sha256 else None

    def write(self, folder: Path) -> None:
        file = _file(folder, self.sha256)
        temporary = file.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")
        temporary.replace(file)


def _file(folder: Path, sha256: str) -> Path:
    return folder / f"registered-{sha256[:16]}.json"


def _known(
    connection: AzureConnection, model: RegisterRequest | ModelVersion, asked: _Asked | None
) -> RegisteredModel | None:
    """The registered model: by its id, then in the list, then among the newest versions if an answer was lost."""
    workspace = connection.workspace
    for name, version in _ids(connection, model, asked):
        found = workspace.model(name, version)
        if found is not None and found.sha256 == model.sha256:
            return found
    listed = workspace.find_model(model.name, model.sha256)
    if listed is None and asked is not None:
        return workspace.find_unlisted_model(model.name, model.sha256)
    return listed


def _ids(
    connection: AzureConnection, model: RegisterRequest | ModelVersion, asked: _Asked | None
) -> Iterator[tuple[str, int]]:
    if asked is not None and asked.version is not None:
        yield model.name, asked.version
    for reference in model.references if isinstance(model, ModelVersion) else ():
        if reference.registry == connection.name and reference.version.isdecimal():
            yield reference.name, int(reference.version)
        elif reference.registry == connection.name:
            yield from _named(model.name, reference.version)


def _named(model: str, version: str) -> Iterator[tuple[str, int]]:
    """The id of one of several models in the version of their reference."""
    for name, _, number in (each.rpartition(":") for each in version.split(BETWEEN)):
        if name == model and number.isdecimal():
            yield name, int(number)


def tracked_id(run: Run | None, connection: str) -> str | None:
    """The id of the run in the workspace, if it was logged there."""
    ids = [tracked.id for tracked in run.tracked if tracked.tracker == connection] if run else []
    return ids[-1] if ids else None


def described(model: RegisterRequest | ModelVersion) -> dict[str, str]:
    """The model's columns and an example request, as JSON. Text over the limit is left out, because half of it is
    useless.
    """
    texts = {COLUMNS: json.dumps({column.name: column.dtype for column in model.columns})}
    if model.samples:
        texts[SAMPLE_INPUT] = json.dumps(model.samples[0].request)
    return {name: text for name, text in texts.items() if len(text) <= _LONGEST}
