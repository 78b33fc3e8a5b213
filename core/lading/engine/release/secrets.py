"""Salted digests of the variables that a release was deployed with. They show that a value was rotated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...base.digests import slow_digest
from ...manifest.references import names
from ...store.salt import ensure_salt, salt

if TYPE_CHECKING:
    from ...model import Release
    from .service import Service


def digests(service: Service) -> Mapping[str, str]:
    """The digest of each variable that the block of the target, or that of its image, refers to."""
    found = {name for section in (service.target, service.image) if section for name in names(section.record)}
    return {name: digest(service, name) for name in sorted(found) if name in service.session.order.environ}


def digest(service: Service, name: str) -> str:
    """The digest of a variable that is set."""
    session = service.session
    return _digest(ensure_salt(session.store.reuse), name, session.order.environ[name])


def rotated(service: Service, release: Release | None) -> tuple[str, ...]:
    """The variables that have another value than in the release. One that is not set is left out."""
    environ = service.session.order.environ
    compared = {name: known for name, known in release.secrets.items() if name in environ} if release else {}
    salted = salt(service.session.store.reuse) if compared else None
    if salted is None:
        return ()
    return tuple(name for name, known in compared.items() if _digest(salted, name, environ[name]) != known)


def _digest(salted: str, name: str, value: str) -> str:
    return slow_digest(value, salt=f"{salted} {name}")
