"""A canary: a release beside the stable one, its share of the requests, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import BadInput, Refused
from ...model import Release, ReleaseWeight, Share, State, Status, Traffic
from .canaries import canary_of, stable_of
from .restored import as_serving
from .rollout_state import state
from .service import Service
from .shifting import find_served, shift

if TYPE_CHECKING:
    from ...model import Served

_START_ONE = "`lading deploy --canary N` starts one"


@dataclass(frozen=True, kw_only=True)
class Split:
    """The share of a canary: `weight` percent of the requests, and copies of `shadow` percent of them."""

    weight: int = 0
    shadow: int = 0

    def __str__(self) -> str:
        return f"copies of {self.shadow} % of the requests" if self.shadow else f"{self.weight} % of the requests"


def traffic(service: Service) -> Traffic:
    """The shares as the target reports them. A target without the capability gives everything to one release."""
    numbers = {release.id: release.number for release in service.releases}
    status = service.status()
    if not status.releases:
        return Traffic(stable=_alone(service, status.state, numbers.get(status.release_id or "")))
    stable_id = status.release_id or getattr(stable_of(service), "id", None)
    shares = {each.release_id == stable_id: each for each in status.releases}
    weights = {
        is_stable: ReleaseWeight(release=numbers.get(each.release_id), weight=each.weight)
        for is_stable, each in shares.items()
    }
    canary = canary_of(service)
    return Traffic(
        stable=weights.get(True),
        canary=weights.get(False),
        shadow=sum(share.shadow for share in shares.values()),
        rollout=state(service, canary) if canary else None,
    )


def canary_status(service: Service, status: Status) -> tuple[int | None, Status] | None:
    """The release beside the stable one: its number, and its status with its share. None if there is none."""
    stable_id = status.release_id or getattr(stable_of(service), "id", None)
    found = next((each for each in status.releases if each.release_id != stable_id), None)
    if found is None:
        return None
    numbers = {release.id: release.number for release in service.releases}
    canary = canary_of(service)
    rollout = canary and state(service, canary)
    detail = f"canary: {Split(weight=found.weight, shadow=found.shadow)}" + (f"; {rollout}" if rollout else "")
    is_ready = State.RUNNING if found.ready else State.PENDING
    shown = Status(state=is_ready, package_digest=found.package_digest, release_id=found.release_id, detail=detail)
    return numbers.get(found.release_id), shown


def _alone(service: Service, found: State, number: int | None) -> ReleaseWeight | None:
    if found not in (State.RUNNING, State.PENDING, State.UNKNOWN):
        return None
    number = service.deployment.release if number is None else number
    return None if number is None and found is State.UNKNOWN else ReleaseWeight(release=number, weight=100)


def set_share(service: Service, split: Split) -> Traffic:
    """Shift requests to the canary. The caller holds the lock. Raises BadInput if no canary is up."""
    canary, stable = canary_of(service), stable_of(service)
    if canary is None or stable is None:
        raise BadInput(f"{service.name} has no canary", hint=_START_ONE)
    require_served(service, canary)
    service.emit("progress", phase="shifting", detail=f"release {canary.number} gets {split}")
    beside = as_serving(service, canary).deployment
    shift(as_serving(service, stable), _beside(stable, canary, split), beside)
    service.session.store.journal.settle_all(service.target.service_name, service.target.name, "done")
    return traffic(service)


def promote(service: Service) -> Release:
    """Make the canary the stable release. The caller holds the lock.

    After an interrupt the same call continues. If the canary is the stable release already, nothing happens. Raises
    BadInput if no canary is up, and Refused if it does not serve any more.
    """
    canary, stable = canary_of(service), stable_of(service)
    if canary is None:
        if stable is not None and stable.beside and not _unfinished(service):
            return stable
        raise _no_canary(service)
    require_served(service, canary)
    service.emit("progress", phase="promoting", detail=f"release {canary.number}")
    shift(as_serving(service, canary), (Share(release_id=canary.id, weight=100),))
    up = service.session.store.releases.finish(canary, "up", settles=True)
    before = f", and release {stable.number} is removed" if stable else ""
    service.emit("release.promoted", detail=f"release {up.number} gets all requests{before}", release=up.number)
    return up


def abort(service: Service, reason: str = "") -> Release | None:
    """Remove the canary, also one that an interrupted deploy left. The caller holds the lock.

    Returns the aborted release; None if the last canary was aborted already. Raises BadInput if there was none, and
    Refused if the stable release does not serve any more.
    """
    canary, stable = canary_of(service) or _unfinished(service), stable_of(service)
    if canary is None:
        if any(release.state == "aborted" for release in service.releases[:1]):
            return None
        raise _no_canary(service)
    if stable is None or find_served(service.status(), stable.id) is None:
        raise Refused(
            f"release {stable.number if stable else '?'} of {service.name}, the stable one, does not serve any more",
            hint="`lading promote` makes the canary the stable release",
        )
    service.emit("progress", phase="aborting", detail=f"release {canary.number}")
    shift(as_serving(service, stable), (Share(release_id=stable.id, weight=100),))
    ended = service.session.store.releases.finish(canary, "aborted", reason, settles=True)
    detail = f"release {ended.number} is removed, and release {stable.number} gets all requests"
    service.emit("release.aborted", detail=f"{detail}: {reason}" if reason else detail, release=ended.number)
    return ended


def _beside(stable: Release, canary: Release, split: Split) -> tuple[Share, Share]:
    return (
        Share(release_id=stable.id, weight=100 - split.weight),
        Share(release_id=canary.id, weight=split.weight, shadow=split.shadow),
    )


def require_served(service: Service, canary: Release) -> Served:
    """The canary as the target reports it. Raises Refused if it does not serve."""
    if (found := find_served(service.status(), canary.id)) is not None:
        return found
    raise Refused(
        f"release {canary.number} of {service.name}, the canary, does not serve any more",
        hint="`lading abort` ends it",
    )


def _unfinished(service: Service) -> Release | None:
    """A canary whose deploy was interrupted."""
    pending = service.session.store.releases.pending(service.target.service_name, service.target.name)
    return next((release for release in pending if release.beside), None)


def _no_canary(service: Service) -> BadInput:
    if begun := _unfinished(service):
        again = "run the same `lading deploy` again, or `lading abort`"
        return BadInput(f"release {begun.number} of {service.name}, the canary, is not up yet", hint=again)
    return BadInput(f"{service.name} has no canary", hint=_START_ONE)
