"""The register stage: register in the store first, then in each registry in use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ... import model
from ...errors import Interrupted, LadingError, StageFailed
from ...manifest import DEFAULT_PLUGINS
from ...model import Json, ModelReference, ModelVersion
from ...model.description import Role
from ...plugin.bound import BoundPlugin, bind
from . import cache_keys as keys
from .scoring_script import kept_script
from .stage import Making

if TYPE_CHECKING:
    from ...manifest import Register
    from ...model import Schema
    from ..session.session import Session
    from .trained import Trained

STORE_REGISTRY = DEFAULT_PLUGINS[Role.REGISTER]
REGISTER_LIMIT = 3600.0  # seconds: the upload of a large model takes long


class _Register(Making["Trained", ModelVersion]):
    """Registers a model in the store, or finds its existing version."""

    name = "register"
    elsewhere = "the version is registered there"

    def inputs(self, session: Session, upstream: Trained | None) -> keys.Inputs:
        section, written = session.manifest.register, session.manifest.register_record
        return keys.inputs(
            self.name,
            {
                "model": section.model,
                "description": section.description,
                "tags": dict(section.tags),
                **_values(section),
            },
            {"model": written.get("model") or section.model, **_as_written(session), **_values(section)},
            **({"model": {"sha256": upstream.sha256, "run": upstream.run}} if upstream else {}),
        )

    def find(self, session: Session, stage_inputs: keys.Inputs, upstream: Trained) -> ModelVersion | None:
        known = session.store.reuse.get(stage_inputs.key)
        return session.store.models.get(known["name"], known["version"]) if known else None

    def run(self, session: Session, upstream: Trained) -> ModelVersion:
        return keep(session, _first_request(session, upstream))

    def record(self, output: ModelVersion) -> Json:
        return {"name": output.name, "version": output.version}

    def describe(self, output: ModelVersion) -> dict[str, Json]:
        detail = f"{output.name} version {output.version}"
        return {"detail": detail, "model": output.name, "version": output.version, "sha256": output.sha256}

    def planned(self, output: ModelVersion | None) -> dict[str, str | None]:
        return {"model": f"{output.name}:{output.version}" if output else None}

    def lacking(self, session: Session, output: ModelVersion | None) -> list[str]:
        return lacking(session, output) if output else []


REGISTER = _Register()


def _values(section: Register) -> dict[str, Json]:
    """The key of the manifest that leaves the values out, if it does."""
    return {} if section.schema.values else {"schema": {"values": False}}


def _as_written(session: Session) -> dict[str, Any]:
    """The description and the tags with `${NAME}` as in the manifest. The store keeps this form."""
    written = session.manifest.register_record
    return {"description": written.get("description") or "", "tags": written.get("tags") or {}}


def _with_values(session: Session, version: ModelVersion) -> dict[str, Any]:
    """The description and the tags of a version for another registry.

    Variables are replaced only in texts that this manifest also has. So a text from elsewhere, such as an imported
    package, cannot read variables of this machine.
    """
    section, written = session.manifest.register, _as_written(session)
    values = {name: section.tags[name] for name, text in written["tags"].items() if version.tags.get(name) == text}
    same = version.description == written["description"]
    return {
        "description": section.description if same else version.description,
        "tags": {**version.tags, **values},
    }


def register_elsewhere(session: Session, version: ModelVersion, *, force: bool = False) -> ModelVersion:
    """Register a version with each registry in use that does not have it yet; with `force`, with each one again."""
    names = _registries(session) if force else lacking(session, version)
    for number, name in enumerate(names):
        try:
            version = _register_in(session, name, version)
        except LadingError as error:
            REGISTER.emitter(session)("stage.failed", detail=error.message)
            raise
        except Interrupted as error:
            error.unfinished = tuple(f"{REGISTER.name} in {left}" for left in names[number:])
            raise
    return version


def _register_in(session: Session, name: str, version: ModelVersion) -> ModelVersion:
    """Register a version in the registry of that name, and return the version."""
    plugin = session.plugin(session.manifest.connections[name])
    own = ModelReference(registry=STORE_REGISTRY, name=version.name, version=str(version.version))
    request = replace(_request(session, version), reference=own)
    reference = replace(_call(session, plugin, request, connection=name), registry=name)
    session.store.models.refer(version.name, version.version, reference)
    session.store.reuse.put(_mark(version, name), REGISTER.name, keys.account(session, name))
    REGISTER.emitter(session)("progress", detail=reference.version, phase=f"registered in {name}", url=reference.url)
    others = (other for other in version.references if other.registry != name)
    return replace(version, references=(*others, reference))


def lacking(session: Session, version: ModelVersion) -> list[str]:
    """The registries in use that do not have a version yet.

    A reference belongs to the block that its connection had then: with another block it may lead to another registry.
    """
    known = {reference.registry for reference in version.references}
    return [name for name in _registries(session) if name not in known or _has_moved(session, version, name)]


def _registries(session: Session) -> list[str]:
    return list(session.accounts(Role.REGISTER, session.manifest.register.to))


def _has_moved(session: Session, version: ModelVersion, name: str) -> bool:
    return session.store.reuse.get(_mark(version, name)) != keys.account(session, name)


def _mark(version: ModelVersion, name: str) -> str:
    """The key under which the store keeps the account that a version was registered with."""
    return keys.key("registered", model=version.name, version=version.version, connection=name)


def keep(session: Session, request: model.RegisterRequest) -> ModelVersion:
    """Register a model in the store, through its registry plugin."""
    reference = _call(session, bind(Role.REGISTER, STORE_REGISTRY), request)
    version = session.store.models.get(reference.name, int(reference.version))
    if version is None:
        found = f"{reference.name}:{reference.version}"
        raise StageFailed(f"the registry of the store returned {found}, which the store does not have")
    return version


def _first_request(session: Session, trained: Trained) -> model.RegisterRequest:
    from .distributions import recorded  # loaded only if there is something to do

    section, store = session.manifest.register, session.store
    base = session.manifest.file.parent.resolve()
    return model.RegisterRequest(
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
        scoring=kept_script(store.files, trained.scoring),
        schema=_schema(section, trained),
        parts=trained.parts,
    )


def _schema(section: Register, trained: Trained) -> Schema | None:
    """The schema of a model, without values if the manifest says so."""
    return trained.schema.without_values if trained.schema and not section.schema.values else trained.schema


def _call(
    session: Session, plugin: BoundPlugin, request: model.RegisterRequest, connection: str | None = None
) -> ModelReference:
    end = session.end(REGISTER_LIMIT)
    work = session.store.work("registries", connection or STORE_REGISTRY)
    context = session.context(work, stage=REGISTER.name, connection=connection, end=end)
    return session.run_hook(plugin, "lading_register", lambda: plugin.register(request, context), end=end)


def _request(session: Session, version: ModelVersion) -> model.RegisterRequest:
    """The request that registers a version of the store in another registry."""
    from .expected import imports_of  # most manifests name no other registry

    package = session.manifest.package
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
        scoring=version.scoring,
        schema=version.schema,
        parts=version.parts,
        samples=version.samples or session.manifest.samples_record,
        imports=imports_of(version.file).imports,
        included=package.options.included if package else (),
    )
