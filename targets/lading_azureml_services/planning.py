"""Plan the effect of a change on a service, without a connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lading import PlanEffect, PlanFinding, PlanFindings

from .kind import KEEPS_KEYS, KEY_OPTIONS, RECREATE, Kind

if TYPE_CHECKING:
    from lading import Json, PlanRequest, UpRelease

    from .options import AksOptions, ServiceOptions

_ACI_GAP = "Azure replaces the container in place: the service does not answer until the new one is up"
_AKS_GAP = "one container serves: the service may not answer while Azure replaces it"


def findings(kind: Kind, request: PlanRequest[ServiceOptions], gap: PlanFinding | None) -> PlanFindings:
    """The options that cannot change in place. If there are none, the `gap` while the new release replaces the old."""
    if request.up is None:
        return PlanFindings()
    changed = [name for name in kind.fixed if _is_changed(name, request.up, request.deployment.written)]
    options = request.deployment.options
    keys = [name for name in KEY_OPTIONS if name not in changed and getattr(options, name) in request.up.rotated]
    if not changed and not keys:
        return PlanFindings(findings=(gap,) if gap else ())
    if options.recreate:
        return PlanFindings(findings=(_created_again([*changed, *keys]),))
    return PlanFindings(findings=(*_refused(changed), *_keys_refused(keys)))


def _is_changed(name: str, up: UpRelease, written: Mapping[str, Json]) -> bool:
    """Whether an option is written in another way, or has a variable with another value."""
    before, after = up.written.get(name), written.get(name)
    return before != after or any(f"${{{variable}}}" in str(after) for variable in up.rotated)


def aci_gap() -> PlanFinding:
    return PlanFinding(message=_ACI_GAP, effect=PlanEffect.GAP)


def aks_gap(options: AksOptions) -> PlanFinding | None:
    """The gap of a service with one container; None if another one serves meanwhile."""
    if (options.num_replicas or options.autoscale_min_replicas or 1) > 1:
        return None
    hint = "`num_replicas: 2`, or autoscale_min_replicas, keeps one container up"
    return PlanFinding(message=_AKS_GAP, effect=PlanEffect.GAP, hint=hint)


def _refused(changed: list[str]) -> Iterator[PlanFinding]:
    for name in changed:
        message = f"{name} cannot change in place"
        yield PlanFinding(message=message, effect=PlanEffect.REFUSED, option=name, hint=RECREATE)


def _keys_refused(keys: list[str]) -> Iterator[PlanFinding]:
    for name in keys:
        message = f"the value of {name} has changed, and Azure keeps the keys of a service"
        yield PlanFinding(message=message, effect=PlanEffect.REFUSED, option=name, hint=KEEPS_KEYS)


def _created_again(changed: list[str]) -> PlanFinding:
    return PlanFinding(
        message=f"the service is deleted and created again, because {' and '.join(changed)} cannot change in place: "
        "nothing answers until the new one is up, and its address and its keys may change",
        effect=PlanEffect.GAP,
        option=changed[0],
    )
