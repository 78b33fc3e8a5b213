"""The request of a release to its target, with the tags of its objects."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import BadInput
from ...model import DeployRequest
from .canaries import stable_of
from .environment import environment_of
from .restored import as_released, as_serving, options_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...manifest import Section
    from ...model import Deployment, Image, Json, Package
    from ..session.session import Session
    from .service import Service


def deploy_request(
    service: Service,
    package: Package,
    *,
    release: int,
    release_id: str,
    image: Image | None = None,
    beside: bool = False,
    force: bool = False,
) -> DeployRequest:
    """The first request for a release with this number and this id."""
    return DeployRequest(
        deployment=service.deployment,
        package=package,
        release=release,
        release_id=release_id,
        tags=_tags(service.target, package, release, release_id),
        image=image,
        environment=environment_of(service.session, service.target, package),
        metrics=_metrics(service.session, package),
        beside=beside,
        stable=_stable(service, beside=beside),
        force=force,
    )


def _stable(service: Service, *, beside: bool) -> Deployment | None:
    """The deployment of the release that is up, with the options that it was deployed with.

    A canary needs them, so a warning says that the options of the manifest count instead. Else it is None without them.
    """
    release = stable_of(service)
    if release is None:
        return None
    if beside:
        return as_serving(service, release).deployment
    with suppress(BadInput):
        return as_released(service, release).deployment if options_of(service, release) is not None else None
    return None


def _tags(target: Section, package: Package, release: int, release_id: str) -> dict[str, str]:
    """Tags that mark an object on a target as ours, with its package and its release."""
    return {
        "lading.service": target.service_name,
        "lading.target": target.name,
        "lading.package": package.digest,
        "lading.model": package.model.sha256,
        "lading.release": str(release),
        "lading.release-id": release_id,
    }


def _metrics(session: Session, package: Package) -> Mapping[str, Json]:
    run = session.store.runs.get(package.model.run) if package.model.run else None
    return run.metrics if run else {}
