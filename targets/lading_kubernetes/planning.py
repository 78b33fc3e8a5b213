"""Plan the effect of a change, from the blocks, and by a dry run on the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import TYPE_CHECKING

from lading import Json, LadingError, PlanEffect, PlanFinding, PlanFindings, Refused, Transient

from .comparing import differences
from .failing import Forbidden
from .options import KubernetesOptions
from .owning import find

if TYPE_CHECKING:
    from lading import PlanRequest, UpRelease

    from .rest import Cluster

    Connect = Callable[[], AbstractContextManager[Cluster]]


def findings(request: PlanRequest[KubernetesOptions], connect: Connect) -> PlanFindings:
    """The port of all nodes that an old service keeps, and the fields of objects that change."""
    changes = _changes(request, request.up, connect) if request.up else ()
    return PlanFindings(findings=(*_kept_port(request), *changes))


def _changes(request: PlanRequest[KubernetesOptions], up: UpRelease, connect: Connect) -> Iterator[PlanFinding]:
    """The changed fields, as far as the cluster shows them. The status and the preflight report why it does not."""
    deployment = request.deployment
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(connect())
            service = find(cluster, "Service", deployment.service, deployment)
        except LadingError:
            return
        if service is not None:
            with suppress(Forbidden, Refused, Transient):
                yield from differences(deployment, up.written, service, cluster)


def _kept_port(request: PlanRequest[KubernetesOptions]) -> Iterator[PlanFinding]:
    """The port of all nodes that an old service keeps: under its old name, or in its old namespace."""
    options, up = request.deployment.options, request.up
    moved = (up,) if up and up.written.get("namespace") != options.namespace else ()
    here = _cluster(request.deployment.written or options.placed_at)
    for old in (*request.left, *moved):
        if options.node_port and old.written.get("node_port") == options.node_port and _cluster(old.written) == here:
            place = f"{old.service} in its old namespace" if old in moved else old.service
            yield PlanFinding(
                message=f"{place} has port {options.node_port} of the nodes until it is deleted",
                effect=PlanEffect.REFUSED,
                option="node_port",
                hint=f"delete {place} first, or name another port",
            )


def _cluster(values: Mapping[str, Json]) -> list[Json]:
    """The cluster in the options of a block."""
    return list(KubernetesOptions.place_of("", {**values, "namespace": None}))
