"""Predict the result of a new release on a target, from the store and the target's plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...errors import Refused
from ...model import Capability, PlanEffect, PlanFinding, PlanRequest, UpRelease
from ...store.origin import mark, record_of
from .foreseen_moves import foreseen_moves
from .moves import old_places
from .secrets import rotated

if TYPE_CHECKING:
    from ...model import Release
    from .service import Service


def foreseen(service: Service) -> tuple[PlanFinding, ...]:
    """The releases that stay behind, and the target's findings. Each message has its line of the manifest."""
    session, target = service.session, service.target
    current = session.store.releases.current(target.service_name, target.name)
    left = () if current else tuple(_left(service))
    moves, known = tuple(foreseen_moves(service)), {place.service for place in old_places(service)}
    found = (*moves, *(_left_behind(release, service) for release in left if release.service not in known))
    if service.plugin.can(Capability.PLAN):
        request = PlanRequest(
            deployment=service.deployment,
            up=_as_recorded(service, current) if current else None,
            left=tuple(_as_recorded(service, release) for release in left),
        )
        found += service.plan(request).findings
    return tuple(map(service.placed, found))


def refusal(service: Service) -> Refused | None:
    """Why the target cannot make the requested change; None if it can."""
    refused = [found for found in foreseen(service) if found.effect is PlanEffect.REFUSED]
    return Refused("\n".join(found.message for found in refused), hint=refused[0].hint) if refused else None


def _left(service: Service) -> Iterator[Release]:
    """The releases that keep running after a name was changed: same model and same block, but another name."""
    target, releases = service.target, service.session.store.releases
    for release in releases.list(target=target.name):
        if release.state == "up" and release.model == service.session.manifest.register.model:
            yield release


def _left_behind(release: Release, service: Service) -> PlanFinding:
    return PlanFinding(
        message=f"release {release.number} of {release.service} stays up beside {service.target.service_name}",
        effect=PlanEffect.LEFT,
        option="service_name",
        hint=f"`lading delete` removes it while the block has `service_name: {release.service}`",
    )


def _as_recorded(service: Service, release: Release) -> UpRelease:
    written = record_of(service.session.store.reuse, mark(release)).get("options") or {}
    changed = rotated(service, release)
    return UpRelease(service=release.service, release=release.number, written=written, rotated=changed)
