"""Plan the effect of a move of a deployment, without a call to the hub."""

from __future__ import annotations

from collections.abc import Iterator

from lading import PlanEffect, PlanFinding, PlanFindings, PlanRequest, UpRelease

from .options import IotEdgeOptions


def findings(request: PlanRequest[IotEdgeOptions]) -> PlanFindings:
    """A port that the old module keeps, and a device whose content a fleet replaces."""
    releases = (request.up,) if request.up else request.left
    return PlanFindings(findings=tuple(found for release in releases for found in _of_move(request, release)))


def _of_move(request: PlanRequest[IotEdgeOptions], release: UpRelease) -> Iterator[PlanFinding]:
    options, before, now = request.deployment.options, release.written, request.deployment.written
    old, new = before.get("module", release.service), now.get("module", request.deployment.service)
    port, device = options.host_port, before.get("device")
    stays = device is not None and all(before.get(name) == now.get(name) for name in ("hub", "device"))
    if stays and old != new and port is not None and before.get("host_port") == port:
        yield PlanFinding(
            message=f"the module {old} on {device} keeps port {port} of the device until the new module is up",
            effect=PlanEffect.REFUSED,
            option="module" if "module" in now else "service_name",
            hint="give the new module another host_port, or run `lading delete` with the old name first",
        )
    if device and options.target_condition:
        yield PlanFinding(
            message=f"the content of {device} is replaced if the device meets the target condition",
            effect=PlanEffect.GAP,
            option="target_condition",
        )
