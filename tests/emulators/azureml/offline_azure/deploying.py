"""The work of a service's operations: a container starts, and takes over when it responds.

On ACI the container is replaced in place: the old one ends first, so after a failure nothing serves. On AKS the old one
serves until the new one responds.
"""

from __future__ import annotations

import copy

from .containers import Container
from .fronts import Front
from .messages import Answer
from .operations import Failure, Work, begin
from .routing import Visit
from .state import Record, now

BEFORE_THE_SERVICE = ("BuildImage", "BuildEnvironment")


def deploy(visit: Visit, service: Record, front: Front, before: Record | None) -> Answer:
    """Answer 202 and start a container for the service. `before` is the previous record of the service."""
    machines, workspace, seconds = visit.machines, visit.workspace, visit.world.settings.start_seconds
    in_place = service["computeType"] == "ACI"
    service.update(state="Transitioning", error=None, updatedTime=now())

    def work() -> None:
        container = Container(machines.blobs, machines.folder, workspace, copy.deepcopy(service))
        front.begin(container, in_place=in_place)
        try:
            container.wait(seconds)
        except Failure:
            front.give_up(container)
            raise
        front.take_over(container)
        with machines.lock:
            service.update(state="Healthy", scoringUri=front.scoring_uri, publicIp="127.0.0.1")

    def undone(failure: Failure) -> None:
        untouched = failure.phase in BEFORE_THE_SERVICE
        if in_place and not untouched:
            front.give_up(front.container)
        with machines.lock:
            if before is not None and untouched:
                service.clear()
                service.update(before)
            else:
                service.update(state="Failed", error=failure.error)

    return begin(visit, "Service", f"/services/{service['name']}", Work(work, undone))
