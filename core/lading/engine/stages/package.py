"""The package stage: everything that scoring one model version needs, under one digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ... import model
from ...errors import LadingError
from . import cache_keys as keys

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json, ModelVersion, Package
    from ..session.session import Session


def package(session: Session, version: ModelVersion, *, force: bool = False) -> Package:
    """Package a model version, or reuse the package that the same inputs gave before.

    Raises Refused where the version's file was altered since it was registered.
    """
    session.store.models.check(version)
    made_from = inputs(session, version)
    made = None if force else found(session, made_from, version)
    if made is not None:
        session.events.emit("stage.reused", stage="package", detail=short(made.digest), digest=made.digest)
    else:
        made = _make(session, version)
        session.store.reuse.put(made_from.key, "package", made.digest)
    keys.remember(session, made_from)
    return made


def inputs(session: Session, version: ModelVersion | None) -> keys.Inputs:
    """What packaging depends on; without the model itself where that is not known yet."""
    return keys.section_inputs(session, _section(session), **(_model(session, version) if version else {}))


def found(session: Session, made_from: keys.Inputs, version: ModelVersion) -> Package | None:
    """The package that the same inputs gave before."""
    known = session.store.reuse.get(made_from.key)
    return session.store.packages.get(known, version) if known else None


def _section(session: Session) -> Section:
    section = session.manifest.package
    assert section is not None, "a session for the stages binds the packager"
    return section


def _model(session: Session, version: ModelVersion) -> dict[str, Json]:
    return {
        "model": {
            "name": version.name,
            "file_name": version.file_name,
            "sha256": version.sha256,
            "framework": version.framework,
            "framework_version": version.framework_version,
        },
        "pins": {"python": version.python, "distributions": _pins(version)},
        "modules": {path.name: session.store.digests.file(path) for path in version.modules},
    }


def short(digest: str) -> str:
    """A digest as people read it."""
    return digest[:12]


def _make(session: Session, version: ModelVersion) -> Package:
    section = _section(session)
    session.gate("package")
    session.events.emit("stage.started", stage="package")
    plugin, end = session.plugin(section), session.end()
    try:
        with session.store.scratch() as scratch:
            folder = scratch / "package"
            folder.mkdir(mode=0o700)
            request = model.PackageRequest(version, section.options, folder)
            context = session.context(scratch, stage="package", end=end)
            packed = session.run_hook(plugin, "lading_package", lambda: plugin.package(request, context), end=end)
            made = session.store.packages.put(folder, packed, version)
    except LadingError as error:
        session.events.emit("stage.failed", stage="package", detail=error.message)
        raise
    session.events.emit("stage.finished", stage="package", detail=short(made.digest), digest=made.digest)
    return made


def _pins(version: ModelVersion) -> str:
    pins = "\n".join(f"{name}=={found.version}" for name, found in sorted(version.distributions.items()))
    return hashlib.sha256(pins.encode()).hexdigest()
