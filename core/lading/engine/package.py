"""The package stage: everything that scoring one model version needs, under one digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .. import model
from ..errors import LadingError
from . import keys

if TYPE_CHECKING:
    from ..manifest import Section
    from ..model import ModelVersion, Package
    from .session import Session


def package(session: Session, version: ModelVersion, *, force: bool = False) -> Package:
    """Package a model version, or reuse the package that the same inputs gave before.

    Raises Refused where the version's file was altered since it was registered.
    """
    section, store = session.manifest.package, session.store
    assert section is not None, "a session for the stages binds the packager"
    store.models.check(version)
    key = keys.key(
        "package",
        **keys.section_parts(section, session.plugin(section), store),
        model=[version.name, version.file_name, version.sha256, version.framework, version.framework_version],
        pins=[version.python, _pins(version)],
        modules=[[path.name, store.digests.file(path)] for path in version.modules],
    )
    known = None if force else store.reuse.get(key)
    found = store.packages.get(known, version) if known else None
    if found is not None:
        session.events.emit("stage.reused", stage="package", detail=short(found.digest), digest=found.digest)
        return found
    made = _make(session, section, version)
    store.reuse.put(key, "package", made.digest)
    return made


def short(digest: str) -> str:
    """A digest as people read it."""
    return digest[:12]


def _make(session: Session, section: Section, version: ModelVersion) -> Package:
    session.gate("package")
    session.events.emit("stage.started", stage="package")
    plugin, end = session.plugin(section), session.end()
    try:
        with session.store.scratch() as scratch:
            folder = scratch / "package"
            folder.mkdir(mode=0o700)
            request = model.PackageRequest(version, section.options, folder)
            context = session.context(scratch, stage="package", end=end)
            packed = session.run_hook("packaging", lambda: plugin.package(request, context), end=end)
            made = session.store.packages.put(folder, packed, version)
    except LadingError as error:
        session.events.emit("stage.failed", stage="package", detail=error.message)
        raise
    session.events.emit("stage.finished", stage="package", detail=short(made.digest), digest=made.digest)
    return made


def _pins(version: ModelVersion) -> str:
    pins = "\n".join(f"{name}=={found.version}" for name, found in sorted(version.distributions.items()))
    return hashlib.sha256(pins.encode()).hexdigest()
