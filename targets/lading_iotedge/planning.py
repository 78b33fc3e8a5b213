"""Plan the effect of a change on the old place of a deployment, without a call to the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lading import Json, PlanEffect, PlanFinding, PlanFindings, PlanRequest

from .options import IotEdgeOptions

_PLACE = ("hub", "device", "module")


def findings(request: PlanRequest[IotEdgeOptions]) -> PlanFindings:
    """The module or the fleet that stays at the old place, and a port that it keeps."""
    if request.up is None:
        return PlanFindings()
    return PlanFindings(findings=tuple(_moved(request, request.up.written, request.up.service)))


def _moved(request: PlanRequest[IotEdgeOptions], before: Mapping[str, Json], service: str) -> Iterator[PlanFinding]:
    options, now = request.deployment.options, request.deployment.written
    blank = {"module": service}
    moved = [name for name in _PLACE if before.get(name, blank.get(name)) != now.get(name, blank.get(name))]
    if not before or not moved or (before.get("target_condition") and options.target_condition and "hub" not in moved):
        return
    old = _words(before, service)
    fate = "stays there" if options.keep_old_place else "is removed once the new one is up"
    yield PlanFinding(message=f"{old} {fate}", effect=PlanEffect.LEFT, option=moved[0])
    port = options.host_port
    if moved == ["module"] and options.device and port is not None and before.get("host_port") == port:
        yield PlanFinding(
            message=f"{old} keeps port {port} of the device until the new module is up",
            effect=PlanEffect.REFUSED,
            option="module",
            hint="give the new module another host_port, or run `lading delete` with the old name first",
        )
    if before.get("device") and options.target_condition:
        yield PlanFinding(
            message=f"the content of {before['device']} is replaced if the device meets the target condition",
            effect=PlanEffect.GAP,
            option="target_condition",
        )


def _words(before: Mapping[str, Json], service: str) -> str:
    if before.get("device"):
        return f"the module {before.get('module', service)} on {before['device']}"
    return f"the fleet `{before.get('target_condition')}`"
