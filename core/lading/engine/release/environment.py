"""Resolve what other machines will install for a package, before any target is queried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Environment, Installs, Package
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
    from ..stages.environments import resolved  # a deploy with nothing to do does not need it
    from ..stages.pinned import Pinned

    return resolved(session, section, installs, Pinned.of(package))
