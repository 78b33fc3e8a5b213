"""What other machines will install for a package: resolved once per command, before anything is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from . import deploy as deploy_stage
from . import keys
from .service import Service

if TYPE_CHECKING:
    from ..manifest import Section
    from ..model import Environment, Installs, Json, Package
    from ..resolving import Resolver
    from .session import Session


def settle(session: Session, package: Package) -> None:
    """Resolve what the chosen targets and the image will install, except for targets that are up already.

    Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
    """
    for target in session.targets:
        service = Service(session, target)
        if any(True for _ in sections(service)) and not deploy_stage.is_current(service, package):
            settle_for(service, package)
    if session.order.image and session.manifest.image:
        session.environments.of(session.manifest.image, package)


def settle_for(service: Service, package: Package) -> None:
    """Resolve what one target will install. Raises as `settle` does."""
    for section in sections(service):
        service.session.environments.of(section, package)


def sections(service: Service) -> Iterator[Section]:
    """The blocks of a target, its own and that of its image, that say that another machine installs the package."""
    for section in (service.target, service.image):
        if section is not None and section.options.installs is not None:
            yield section


class Environments:
    """The environments that a command has resolved, and those that an earlier one did, which the store remembers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[str, Environment] = {}
        self._resolver: Resolver | None = None

    def of(self, section: Section, package: Package, *, keep: bool = True) -> Environment | None:
        """The environment of a block; None if its options install nothing. Without `keep` no file is written.

        Raises BadInput, at the manifest's line, for requirements that cannot be installed together.
        """
        installs = section.options.installs
        if installs is None:
            return None
        from ..model import Environment  # a deploy with nothing to do does without

        key = _key(package, installs)
        if key not in self._found:
            known = self._session.store.reuse.get(key)
            self._found[key] = (
                Environment(package.requirements, **known) if known else self._resolve(section, package, key, keep=keep)
            )
        return self._found[key]

    def _resolve(self, section: Section, package: Package, key: str, *, keep: bool) -> Environment:
        from ..resolving import Resolver
        from .resolve import choose  # what is remembered does without either

        self._resolver = self._resolver or Resolver(caches=keep)
        found, certain = choose(self._session, self._resolver, section, package)
        if keep and certain:
            self._session.store.reuse.put(key, "environment", {"added": found.added, "note": found.note})
        return found


def _key(package: Package, installs: Installs) -> str:
    """The digest of a question. The wheels of a folder count by their names, which hold their versions."""
    sources = installs.sources
    wheels = sorted(wheel.name for wheel in sources.wheels.glob("*.whl")) if sources.wheels else []
    parts: Json = {**asdict(installs), "sources": {**asdict(sources), "wheels": wheels}}
    return keys.key("environment", installs=parts, python=package.python, requirements=list(package.requirements))
