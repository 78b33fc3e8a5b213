"""Resolve what other machines will install for a package, once per command and before any target is queried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..stages import cache_keys as keys

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Environment, Installs, Json, Package
    from ..session.session import Session
    from .service import Service


def settle_for(service: Service, package: Package) -> None:
    """Resolve what one target will install.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    for section in sections(service):
        environment_of(service.session, section, package)


def sections(service: Service) -> Iterator[Section]:
    """The blocks of a target and its image which declare that another machine installs the package."""
    for section in (service.target, service.image):
        if section is not None and _elsewhere(section) is not None:
            yield section


def _elsewhere(section: Section) -> Installs | None:
    """The installation of a block on another machine. On this one, pip resolves what it installs."""
    installs = section.options.installs
    return None if installs is None or installs.here else installs


def environment_of(session: Session, section: Section, package: Package) -> Environment | None:
    """The environment of a block; None if it installs nothing elsewhere. A read-only command writes no file.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    installs = _elsewhere(section)
    if installs is None:
        return None
    from ...model import Environment  # a deploy with nothing to do does not need it

    key = _key(package, installs)
    if key not in session.resolved:
        known = session.store.reuse.get(key)
        session.resolved[key] = (
            Environment(requirements=package.requirements, **known)
            if known
            else _resolve(session, section, package, key)
        )
    return session.resolved[key]


def _resolve(session: Session, section: Section, package: Package, key: str) -> Environment:
    from .resolve import choose  # an environment that was stored does not need it

    found, certain = choose(session, section, package)
    if certain and not session.order.reads:
        session.store.reuse.put(key, "environment", {"added": found.added, "note": found.note})
    return found


def _key(package: Package, installs: Installs) -> str:
    """The digest of a resolution's inputs. Wheels in a folder count by their names, which contain their versions."""
    sources = installs.sources
    wheels = sorted(wheel.name for wheel in sources.wheels.glob("*.whl")) if sources.wheels else []
    parts: Json = {**asdict(installs), "sources": {**asdict(sources), "wheels": wheels}}
    return keys.key("environment", installs=parts, python=package.python, requirements=list(package.requirements))
