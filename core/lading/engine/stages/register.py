"""The register stage: the store's own version first, then each registry in use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ... import model
from ...errors import StageFailed
from ...model import Json, ModelReference, ModelVersion
from ...plugin.bound import BoundPlugin, bind
from . import cache_keys as keys
from .distributions import recorded

if TYPE_CHECKING:
    from ..session.session import Session
    from .train import Trained

STORE_REGISTRY = "store"
REGISTER_LIMIT = 3600.0  # seconds: a large model takes its time to upload


def register(session: Session, trained: Trained, *, force: bool = False) -> ModelVersion:
    """Register a model in the store, or reuse the version that it is."""
    made_from = inputs(session, trained)
    version = None if force else found(session, made_from)
    if version is not None:
        session.events.emit("stage.reused", stage="register", detail=label(version), **_fields(version))
    else:
        version = _register(session, trained)
        session.store.reuse.put(made_from.key, "register", {"name": version.name, "version": version.version})
    keys.remember(session, made_from)
    return version


def inputs(session: Session, trained: Trained | None) -> keys.Inputs:
    """What registering depends on; without the model itself where that is not known yet."""
    section, written = session.manifest.register, session.manifest.register_record
    return keys.inputs(
        "register",
        {"model": section.model, "description": section.description, "tags": dict(section.tags)},
        {"model": written.get("model") or section.model, **_as_written(session)},
        **({"model": {"sha256": trained.sha256, "run": trained.run}} if trained else {}),
    )


def _as_written(session: Session) -> dict[str, Any]:
    """The description and the tags, with `${NAME}` as the manifest has it: so the store keeps them."""
    written = session.manifest.register_record
    return {"description": written.get("description") or "", "tags": written.get("tags") or {}}


def _with_values(session: Session, version: ModelVersion) -> dict[str, Any]:
    """The description and the tags of a version for another registry.

    Variables are replaced where this manifest says the same: a text from elsewhere, as of an exported package that was
    taken in, reaches no variable of this machine.
    """
    section, written = session.manifest.register, _as_written(session)
    values = {name: section.tags[name] for name, text in written["tags"].items() if version.tags.get(name) == text}
    same = version.description == written["description"]
    return {
        "description": section.description if same else version.description,
        "tags": {**version.tags, **values},
    }


def found(session: Session, made_from: keys.Inputs) -> ModelVersion | None:
    """The version that the same inputs gave before."""
    known = session.store.reuse.get(made_from.key)
    return session.store.models.get(known["name"], known["version"]) if known else None


def label(version: ModelVersion) -> str:
    return f"{version.name} version {version.version}"


def register_elsewhere(session: Session, version: ModelVersion) -> ModelVersion:
    """Register a version with each registry in use that does not have it yet."""
    for name in lacking(session, version):
        section = session.manifest.connections[name]
        plugin = session.plugin(section)
        own = ModelReference(STORE_REGISTRY, version.name, str(version.version))
        request = replace(_request(session, version), reference=own)
        reference = replace(_call(session, plugin, request, connection=name), registry=name)
        session.store.models.refer(version.name, version.version, reference)
        version = replace(version, references=(*version.references, reference))
        session.events.emit(
            "progress", stage="register", detail=reference.version, phase=f"registered in {name}", url=reference.url
        )
    return version


def lacking(session: Session, version: ModelVersion) -> list[str]:
    """The registries in use that do not have a version yet."""
    known = {reference.registry for reference in version.references}
    return [name for name in session.accounts("register", session.manifest.register.to) if name not in known]


def keep(session: Session, request: model.RegisterRequest) -> ModelVersion:
    """Register a model in the store, through its registry plugin."""
    session.gate("register")
    session.events.emit("stage.started", stage="register")
    reference = _call(session, bind("register", STORE_REGISTRY), request)
    version = session.store.models.get(reference.name, int(reference.version))
    if version is None:
        raise StageFailed(f"the store has no {reference.name} version {reference.version}, which its registry named")
    session.events.emit("stage.finished", stage="register", detail=label(version), **_fields(version))
    return version


def _register(session: Session, trained: Trained) -> ModelVersion:
    section, store = session.manifest.register, session.store
    base = session.manifest.file.parent.resolve()
    request = model.RegisterRequest(
        name=section.model,
        sha256=trained.sha256,
        file=store.files.path(trained.sha256),
        file_name=trained.file_name,
        framework=trained.framework,
        framework_version=trained.framework_version,
        python=trained.python,
        **_as_written(session),
        run=store.runs.get(trained.run) if trained.run else None,
        columns=trained.columns,
        label=trained.label,
        distributions=recorded(store, trained.distributions),
        modules=tuple(base / module for module in trained.modules),
        samples=trained.samples,
    )
    return keep(session, request)


def _call(
    session: Session, plugin: BoundPlugin, request: model.RegisterRequest, connection: str | None = None
) -> ModelReference:
    end = session.end(REGISTER_LIMIT)
    work = session.store.work("registries", connection or STORE_REGISTRY)
    context = session.context(work, stage="register", connection=connection, end=end)
    return session.run_hook(plugin, "lading_register", lambda: plugin.register(request, context), end=end)


def _request(session: Session, version: ModelVersion) -> model.RegisterRequest:
    """The request that registers a version of the store somewhere else."""
    return model.RegisterRequest(
        name=version.name,
        sha256=version.sha256,
        file=version.file,
        file_name=version.file_name,
        framework=version.framework,
        framework_version=version.framework_version,
        python=version.python,
        **_with_values(session, version),
        run=session.store.runs.get(version.run) if version.run else None,
        columns=version.columns,
        label=version.label,
        distributions=version.distributions,
        modules=version.modules,
        samples=version.samples or session.manifest.samples_record,
    )


def _fields(version: ModelVersion) -> dict[str, Json]:
    return {"model": version.name, "version": version.version, "sha256": version.sha256}
