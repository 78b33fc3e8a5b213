"""Going back: an earlier release's package comes up again as a new release, the way of any deploy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import BadInput
from .bring_up import as_accepted, kept_package
from .deploy import Deployed, ensure_up
from .service import Service

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Package, Release
    from ..session.session import Session


def rollback(session: Session, target: Section, number: int | None = None) -> Deployed:
    """Bring the package of release `number` up again, under the options that the manifest gives the target now.

    By default it is the last release that served another package than the one that is up. It answers the golden
    requests that it was accepted with. Raises BadInput, with the releases that one can go back to, where it is none of
    them; and whatever a deploy raises.
    """
    service = Service(session, target)
    with service.locked():
        release, package = _chosen(service, number)
        done = ensure_up(service, as_accepted(service, release, package))
    if not done.reused:
        session.events.emit(
            "release.rolled_back",
            stage="deploy",
            target=target.name,
            detail=f"release {release.number} serves again, as release {done.release.number}",
        )
    return done


def _chosen(service: Service, number: int | None) -> tuple[Release, Package]:
    """The release to go back to, and its package. Raises BadInput."""
    target, releases = service.target, service.session.store.releases
    history = releases.list(target.service_name, target.name)
    current = releases.current(target.service_name, target.name)
    able = {
        release.number: (release, package)
        for release in history
        if _came_up(release) and release != current and (package := kept_package(service, release))
    }
    others = (n for n, (_, package) in able.items() if current is None or package.digest != current.package_digest)
    wanted = next(others, None) if number is None else number
    if wanted in able:
        return able[wanted]
    names = ", ".join(f"{release.number} ({release.model}:{release.model_version})" for release, _ in able.values())
    raise BadInput(
        f"{target.service_name} on '{target.name}' {_why_not(history, current, number)}",
        hint=f"it can go back to {names}" if names else "it has none to go back to; `lading history` shows them all",
    )


def _came_up(release: Release) -> bool:
    return release.golden_requests is not None


def _why_not(history: Sequence[Release], current: Release | None, number: int | None) -> str:
    if number is None:
        return "has no earlier release with another package"
    found = next((release for release in history if release.number == number), None)
    if found is None:
        return f"has no release {number}"
    if found == current:
        return f"cannot go back to release {number}: it is the one that is up"
    return f"cannot go back to release {number}: {'its package is gone' if _came_up(found) else 'it never came up'}"
