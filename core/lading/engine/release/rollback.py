"""Roll back: deploy the package of an earlier release, with its options, as a new release."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import BadInput, LadingError
from ...store.releases import ADOPTED
from .bring_up import as_accepted, kept_package
from .canaries import refuse_beside_canary
from .deploy import Deployed, ensure_up
from .restored import as_released, options_of
from .service import Service

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json, Package, Release
    from ..session.session import Session


def rollback(session: Session, target: Section, number: int | None = None) -> Deployed:
    """Deploy the package of release `number` again, with the options that it was deployed with.

    By default it is the last release with another package or other options than the current one. It must answer the
    golden requests that it was accepted with. Raises BadInput with the possible releases if `number` is not one of
    them, and Refused if a canary is up. Errors of the deploy are passed on.
    """
    service = Service(session, target)
    refuse_beside_canary(service)
    _chosen(service, number)  # a refusal needs no lock and no new store
    with service.locked():
        refuse_beside_canary(service)
        release, package = _chosen(service, number)
        done = ensure_up(as_released(service, release), as_accepted(service, release, package))
    if not done.reused:
        service.emit(
            "release.rolled_back", detail=f"release {release.number} serves again, as release {done.release.number}"
        )
    return done


def _chosen(service: Service, number: int | None) -> tuple[Release, Package]:
    """The release to restore, and its package. Raises BadInput if there is none."""
    target, history = service.target, service.releases
    current = service.session.store.releases.current(target.service_name, target.name)
    able = {
        release.number: (release, package)
        for release in history
        if release.came_up and release != current and (package := kept_package(service, release))
    }
    others = (n for n, (release, _) in able.items() if current is None or _differs(service, release, current))
    wanted = next(others, None) if number is None else number
    if wanted in able:
        return able[wanted]
    names = ", ".join(f"{release.number} ({release.versioned_model})" for release, _ in able.values())
    why = _why_not(service, history, current, number) if history else _elsewhere(service)
    raise BadInput(
        f"{target.service_name} on '{target.name}' {why}",
        hint=f"it can go back to {names}" if names else _needed(service, history, number),
    )


def _differs(service: Service, release: Release, current: Release) -> bool:
    """Whether a release has another package than the current one, or other options, as far as they are recorded."""
    if release.package_digest != current.package_digest:
        return True
    before, now = (_kept(service, options_of(service, each)) for each in (release, current))
    return None not in (before, now) and before != now


def _kept(service: Service, options: Json) -> Json:
    """The options that a rollback restores: the place stays."""
    place = service.target.options.placed_by
    return {name: value for name, value in options.items() if name not in place} if isinstance(options, dict) else None


def _elsewhere(service: Service) -> str:
    """The message of a store without a release of the service. The target's tags name the package that serves."""
    with suppress(LadingError):
        status = service.status()
        if status.package_digest:
            return f"has no release in this store; it serves package {status.package_digest[:12]}"
    return "has no release in this store"


def _needed(service: Service, history: Sequence[Release], number: int | None) -> str:
    """The package file that would allow the rollback that the store cannot do."""
    manifest, target = service.session.order.file, service.target.name
    found = next((each for each in history if each.number == number and _has_served(each)), None)
    package = f"package {found.package_digest[:12]} ({found.versioned_model})" if found else "the package"
    return (
        f"export {package} from the store that has it (`lading package export FILE`), "
        f"then `lading deploy {manifest} --target {target} --package FILE`"
    )


def _has_served(release: Release) -> bool:
    return release.came_up or release.reason == ADOPTED


def _why_not(service: Service, history: Sequence[Release], current: Release | None, number: int | None) -> str:
    if number is None:
        return "has no earlier release with another package or other options"
    found = next((release for release in history if release.number == number), None)
    if found is None:
        return f"has no release {number}"
    if found == current:
        return f"cannot go back to release {number}: it is the one that is up"
    return f"cannot go back to release {number}: {_obstacle(service, found)}"


def _obstacle(service: Service, release: Release) -> str:
    if release.came_up:
        return "its package is gone"
    if release.reason == ADOPTED:
        if kept_package(service, release):
            return "another store has its options and golden requests"
        return "another store has its package"
    return "it was a canary that was never promoted" if release.beside else "it never came up"
