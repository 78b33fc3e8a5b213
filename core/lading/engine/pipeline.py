"""The stages in their order: each first runs what comes before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import BadInput
from .release.deploy import settle
from .stages import package as package_stage
from .stages import register as register_stage
from .stages.train import train

if TYPE_CHECKING:
    from ..model import ModelVersion, Package
    from .session.session import Session


def registered(session: Session, *, model: str | None = None, force: bool = False) -> ModelVersion:
    """The model version of a manifest: trained and registered, or the one named `NAME:VERSION`.

    Raises BadInput where there is no such version.
    """
    return register_stage.register_elsewhere(session, _version(session, model, force=force))


def packaged(session: Session, *, model: str | None = None, force: bool = False) -> Package:
    """The package of that model version.

    Other registries get the model once it is known that the package can be installed. Raises BadInput if it cannot.
    """
    version = _version(session, model, force=False)
    package = package_stage.package(session, version, force=force)
    settle(session, package)
    return replace(package, model=register_stage.register_elsewhere(session, version))


def _version(session: Session, model: str | None, *, force: bool) -> ModelVersion:
    """The version in the store."""
    if model is not None:
        return find_version(session, model)
    return register_stage.register(session, train(session), force=force)


def find_version(session: Session, reference: str) -> ModelVersion:
    """A registered version by `NAME:VERSION`."""
    name, _, number = reference.rpartition(":")
    if not name or not number.isascii() or not number.isdigit():
        raise BadInput(f"'{reference}' is not NAME:VERSION, such as sal_model:3")
    found = session.store.models.get(name, int(number))
    if found is None:
        known = ", ".join(f"{m.name}:{m.version}" for m in session.store.models.list(name)) or "none"
        raise BadInput(f"there is no model {reference} in the store", hint=f"its versions are: {known}")
    return found
