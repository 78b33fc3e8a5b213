"""Plan the effect of a change, from the blocks alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import PlanEffect, PlanFinding, PlanFindings

if TYPE_CHECKING:
    from lading import PlanRequest

    from .options import KubernetesOptions


def findings(request: PlanRequest[KubernetesOptions]) -> PlanFindings:
    """The port of all nodes that an old service keeps: under its old name, or in its old namespace."""
    return PlanFindings(findings=tuple(_kept_port(request)))


def _kept_port(request: PlanRequest[KubernetesOptions]) -> Iterator[PlanFinding]:
    options, up = request.deployment.options, request.up
    moved = (up,) if up and up.written.get("namespace") != options.namespace else ()
    for old in (*request.left, *moved):
        same = (old.written.get("node_port"), old.written.get("context")) == (options.node_port, options.context)
        if options.node_port and same:
            place = f"{old.service} in its old namespace" if old in moved else old.service
            yield PlanFinding(
                message=f"{place} has port {options.node_port} of the nodes until it is deleted",
                effect=PlanEffect.REFUSED,
                option="node_port",
                hint=f"delete {place} first, or name another port",
            )
