"""Releases that a target shows and this store does not know, such as those of another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Refused
from ...model import Capability, State
from .canaries import END_IT, canary_of, has_inputs, stable_of
from .shifting import SHIFT_LIMIT, find_served

if TYPE_CHECKING:
    from ...model import ModelVersion, Release, Served, Status
    from .desired import Wanted
    from .service import Service

_BEGIN = "and a canary needs a release that serves beside it"
_AT_ONCE = "`lading status` shows the service; without a canary and `rollout`, the new release gets all requests"


def has_stable(service: Service, wanted: Wanted) -> bool:
    """Whether a release serves that a canary can stand beside. It is recorded if this store does not know it.

    It is false only if nothing serves, or if the desired release serves already after an interrupt. Waits while the
    status is pending. Raises Refused if the target has a release that does not serve, or another store's canary.
    """
    begun = _pending(service)
    status = _settled(service, begun)
    if _serves_nothing(status, begun):
        service.emit("warning", detail=f"{_nothing(service)}, so the new release gets all requests and is not a canary")
        return False
    served = find_served(status, status.release_id or "")
    if status.state is not State.RUNNING or served is None:
        raise Refused(f"{service.name} is {status.state}, {_BEGIN}: {status.detail}".rstrip(": "), hint=_AT_ONCE)
    refuse_canary_of_others(service, status)
    if served.release_id in begun and has_inputs(service, begun[served.release_id], wanted.package):
        return False
    _adopt_stable(service, status, served)
    return True


def _settled(service: Service, begun: dict[str, Release]) -> Status:
    """The status once it is not pending. A pending release of an interrupted deploy is not waited for."""
    status = service.status()
    if status.state is not State.PENDING or status.release_id in {None, *begun}:
        return status
    end = service.session.end(SHIFT_LIMIT)
    return service.settled_status(service.context(end), f"the deploy of {service.name}", end)


def _serves_nothing(status: Status, begun: dict[str, Release]) -> bool:
    if status.state in (State.ABSENT, State.STOPPED):
        return True
    return status.state in (State.PENDING, State.FAILED) and status.release_id in {None, *begun}


def _nothing(service: Service) -> str:
    stable = stable_of(service)
    return f"release {stable.number} does not serve" if stable else "nothing serves yet"


def _pending(service: Service) -> dict[str, Release]:
    """The releases of interrupted deploys, by their ids."""
    releases, target = service.session.store.releases, service.target
    return {each.id: each for each in releases.pending(target.service_name, target.name) if not each.beside}


def refuse_unknown_canary(service: Service) -> None:
    """Raise Refused if the target shows a canary that this store does not know."""
    if service.plugin.can(Capability.TRAFFIC):
        refuse_canary_of_others(service, service.status())


def refuse_canary_of_others(service: Service, status: Status) -> None:
    """Raise Refused if the target shows a canary that another store has brought up."""
    if canary := canary_of_others(service, status):
        raise Refused(
            f"{service.name} has a canary of another store, with {canary.weight} % of the requests",
            hint=END_IT,
        )


def canary_of_others(service: Service, status: Status) -> Served | None:
    """The release beside the stable one, if this store does not know it."""
    known = {each.id for each in service.releases}
    beside = (each for each in status.releases if each.release_id != status.release_id)
    return next((each for each in beside if each.release_id not in known), None)


def adopt_canary(service: Service) -> None:
    """Record another store's canary and its stable release, so that this store can shift and end the canary.

    The caller holds the lock.
    """
    if canary_of(service) is not None:
        return
    status = service.status()
    canary, stable = canary_of_others(service, status), find_served(status, status.release_id or "")
    if canary is None:
        return
    if stable is not None:
        _adopt_stable(service, status, stable)
    _adopt(service, canary, "canary")


def _adopt_stable(service: Service, status: Status, served: Served) -> None:
    """Record the release that serves as the one that is up."""
    known = {each.id: each for each in service.releases}
    found = known.get(served.release_id)
    if found is None:
        _adopt(service, served, "up", status.model_sha256 or "")
    elif found.state != "up":
        service.session.store.releases.finish(found, "up")


def _adopt(service: Service, served: Served, state: str, sha256: str = "") -> None:
    target, name = service.target, service.session.manifest.register.model
    model, releases = _model_of(service, name, served, sha256), service.session.store.releases
    version, sha256 = (model.version, model.sha256) if model else (0, sha256)
    found = releases.adopt(target.service_name, target.name, served, state, model=name, version=version, sha256=sha256)
    detail = f"a release of another store is release {found.number} of this one, package {found.package_digest[:12]}"
    service.emit("progress", phase="adopting", detail=detail)


def _model_of(service: Service, name: str, served: Served, sha256: str) -> ModelVersion | None:
    """The version of the model that this store has, by its bytes or by the package. Stores count their own versions."""
    store = service.session.store
    is_it = lambda model: model.sha256 == sha256 or store.packages.is_intact(served.package_digest, model)  # noqa: E731
    return next(filter(is_it, store.models.list(name)), None)
