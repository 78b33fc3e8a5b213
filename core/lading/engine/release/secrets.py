"""Salted digests of the variables that a release was deployed with. They show that a value was rotated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ...manifest.references import names
from ...store.salt import ensure_salt, salt

if TYPE_CHECKING:
    from ...model import Release
    from .service import Service

_COST = 1 << 12  # of scrypt: about 10 ms, so that nobody can try many values


def digests(service: Service, read: Iterable[str]) -> Mapping[str, str]:
    """The digest of each variable that the target `read` or that its block, or the block of its image, refers to."""
    session = service.session
    found = {*read, *(name for section in (service.target, service.image) if section for name in names(section.record))}
    known = [name for name in sorted(found) if name in session.order.environ]
    if not known:
        return {}
    salted = ensure_salt(session.store.reuse)
    return {name: _digest(salted, name, session.order.environ[name]) for name in known}


def rotated(service: Service, release: Release | None) -> tuple[str, ...]:
    """The variables that have another value than in the release. One that is not set is left out."""
    environ = service.session.order.environ
    compared = {name: known for name, known in release.secrets.items() if name in environ} if release else {}
    salted = salt(service.session.store.reuse) if compared else None
    if salted is None:
        return ()
    return tuple(name for name, known in compared.items() if _digest(salted, name, environ[name]) != known)


def _digest(salted: str, name: str, value: str) -> str:
    own_salt = f"{salted} {name}".encode()
    return hashlib.scrypt(value.encode("utf-8", "surrogateescape"), salt=own_salt, n=_COST, r=8, p=1, dklen=16).hex()
