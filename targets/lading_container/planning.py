"""Plan the effect of a change on a container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import PlanEffect, PlanFinding, PlanFindings

if TYPE_CHECKING:
    from lading import PlanRequest

    from .options import ContainerOptions


def findings(request: PlanRequest[ContainerOptions]) -> PlanFindings:
    """The downtime when containers change, and the port that a renamed service keeps."""
    return PlanFindings(findings=(*_gap(request), *_kept_port(request)))


def _gap(request: PlanRequest) -> Iterator[PlanFinding]:
    if request.up is not None:
        message = "the service does not answer from the stop of the old container until the new one has its port"
        yield PlanFinding(message=message, effect=PlanEffect.GAP)


def _kept_port(request: PlanRequest[ContainerOptions]) -> Iterator[PlanFinding]:
    port = request.deployment.options.port
    for left in request.left:
        if port and left.written.get("port") == port:
            yield PlanFinding(
                message=f"{left.service} stays up under its old name and keeps port {port}",
                effect=PlanEffect.REFUSED,
                option="port",
                hint=f"delete {left.service} first, or name another port",
            )
