"""Resolve what targets will install for a package: before its training, and when the package is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ...model import Environment
from . import cache_keys as keys
from .pinned import Pinned

if TYPE_CHECKING:
    from ...manifest import Manifest, Section
    from ...model import ExpectedModel, ExpectedPin, Installs, Json
    from ..session.session import Session


def resolve_expected(session: Session, pins: Sequence[ExpectedPin], model: ExpectedModel) -> None:
    """Resolve the pins of a package that is not made yet, for each block of the command that installs it.

    This machine is asked only for pins that its Python does not have. Raises BadInput, at the manifest's line, for pins
    that cannot be installed together.
    """
    blocks = list(_blocks(session.manifest)) if pins else []
    if not blocks:
        return
    pinned = Pinned.expected(pins, model)
    for section, installs in blocks:
        if not installs.here or pinned.foreign:
            resolved(session, section, installs, pinned)


def _blocks(manifest: Manifest) -> Iterator[tuple[Section, Installs]]:
    for section in (*manifest.targets.values(), *([manifest.image] if manifest.image else [])):
        if installs := section.options.installs:
            yield section, installs


def resolved(session: Session, section: Section, installs: Installs, pinned: Pinned) -> Environment:
    """The environment of a block that installs pins. A read-only command writes no file.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    key = _key(pinned, installs)
    if key not in session.resolved:
        known = session.store.reuse.get(key)
        session.resolved[key] = (
            Environment(requirements=pinned.requirements, **known) if known else _resolve(session, section, pinned, key)
        )
    return session.resolved[key]


def _resolve(session: Session, section: Section, pinned: Pinned, key: str) -> Environment:
    from .resolve import choose  # an environment that was stored does not need it

    found, certain = choose(session, section, pinned)
    if certain and not session.order.reads:
        session.store.reuse.put(key, "environment", {"added": found.added, "note": found.note})
    return found


def _key(pinned: Pinned, installs: Installs) -> str:
    """The digest of a resolution's inputs. Wheels in a folder count by their names, which contain their versions."""
    sources = installs.sources
    wheels = sorted(wheel.name for wheel in sources.wheels.glob("*.whl")) if sources.wheels else []
    parts: Json = {**asdict(installs), "sources": {**asdict(sources), "wheels": wheels}}
    return keys.key("environment", installs=parts, python=pinned.python, requirements=list(pinned.requirements))
