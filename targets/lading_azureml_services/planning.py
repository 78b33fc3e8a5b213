"""Plan the effect of a change on a service, without a connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import PlanEffect, PlanFinding, PlanFindings

from .kind import RECREATE, Kind

if TYPE_CHECKING:
    from lading import PlanRequest

    from .options import AksOptions, ServiceOptions

_ACI_GAP = "Azure replaces the container in place: the service does not answer until the new one is up"
_AKS_GAP = "one container serves: the service may not answer while Azure replaces it"


def findings(kind: Kind, request: PlanRequest[ServiceOptions], gap: PlanFinding | None) -> PlanFindings:
    """The options that cannot change in place. If there are none, the `gap` while the new release replaces the old."""
    if request.up is None:
        return PlanFindings()
    before, after = request.up.written, request.deployment.written
    changed = [name for name in kind.fixed if before.get(name) != after.get(name)]
    if not changed:
        return PlanFindings(findings=(gap,) if gap else ())
    if request.deployment.options.recreate:
        return PlanFindings(findings=(_created_again(changed),))
    return PlanFindings(findings=tuple(_refused(changed)))


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


def _created_again(changed: list[str]) -> PlanFinding:
    return PlanFinding(
        message=f"the service is deleted and created again, because {' and '.join(changed)} cannot change in place: "
        "nothing answers until the new one is up, and its address and its keys may change",
        effect=PlanEffect.GAP,
        option=changed[0],
    )
