"""The package stage: collect all files for scoring one model version, under one digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ... import model
from . import cache_keys as keys
from .stage import Making

if TYPE_CHECKING:
    from pathlib import Path

    from ...manifest import Section
    from ...model import Json, ModelVersion, Package
    from ..session.session import Session


class _Package(Making["ModelVersion", "Package"]):
    """Packages a model version."""

    name = "package"

    def reach(self, session: Session, upstream: ModelVersion, *, force: bool = False) -> Package:
        """The package of a version. Raises Refused if the version's file was altered since it was registered."""
        session.store.models.check(upstream)
        return super().reach(session, upstream, force=force)

    def inputs(self, session: Session, upstream: ModelVersion | None) -> keys.Inputs:
        return keys.section_inputs(
            session, self.name, _section(session), **(_model(session, upstream) if upstream else {})
        )

    def find(self, session: Session, stage_inputs: keys.Inputs, upstream: ModelVersion) -> Package | None:
        known = session.store.reuse.get(stage_inputs.key)
        return session.store.packages.get(known, upstream) if known else None

    def run(self, session: Session, upstream: ModelVersion) -> Package:
        from .expected import imports_of

        section, end = _section(session), session.end()
        plugin = session.plugin(section)
        with session.store.scratch() as scratch:
            folder = scratch / "packed"
            folder.mkdir(mode=0o700)
            request = model.PackageRequest(
                model=upstream, options=section.options, folder=folder, **imports_of(upstream.file)._asdict()
            )
            context = session.context(scratch, stage=self.name, end=end)
            packed = session.run_hook(plugin, "lading_package", lambda: plugin.package(request, context), end=end)
            return session.store.packages.put(folder, packed, upstream, own_script=section.options.own_script)

    def judge(self, session: Session, upstream: ModelVersion | None) -> None:
        from .expected import judge_package

        judge_package(session, upstream)

    def record(self, output: Package) -> Json:
        return output.digest

    def describe(self, output: Package) -> dict[str, Json]:
        return {"detail": short(output.digest), "digest": output.digest}

    def planned(self, output: Package | None) -> dict[str, str | None]:
        return {"digest": output.digest if output else None}


PACKAGE = _Package()


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
            **({"scoring": _digests(session, version.scoring)} if version.scoring else {}),
            **({"schema": keys.key("schema", **version.schema.served)} if version.schema else {}),
        },
        "pins": {"python": version.python, "distributions": _pins(version)},
        "modules": _digests(session, *version.modules),
    }


def _digests(session: Session, *files: Path) -> dict[str, Json]:
    return {path.name: session.store.digests.file(path) for path in files}


def short(digest: str) -> str:
    """A digest in readable form: its first characters."""
    return digest[:12]


def _pins(version: ModelVersion) -> str:
    pins = "\n".join(f"{name}=={found.version}" for name, found in sorted(version.distributions.items()))
    return hashlib.sha256(pins.encode()).hexdigest()
