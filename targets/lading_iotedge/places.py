"""The places of a deployment: its device and module, or its fleet.

If the place in the manifest changes, the old one stays until the new one is up. A store knows the old ones by a record
of the deployment, because the target's block names only the new one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field

from lading import Context, Deployment, Pending

from . import content, fleet
from .judging import offline
from .module import is_ours, module_name
from .options import IotEdgeOptions
from .port import AGENT, ROUTER, Hub, Twin

_FACT = "places"

Connect = Callable[[str], AbstractContextManager[Hub]]


@dataclass(frozen=True)
class Place:
    """A module on a device, or the fleet of a hub, whose `device` and `module` are empty.

    `host` names the hub, and `hub` is the option of the block that led to it.
    """

    host: str
    device: str = ""
    module: str = ""
    hub: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"the module {self.module} on {self.device}" if self.device else f"the fleet of {self.host}"


def here(deployment: Deployment[IotEdgeOptions], hub: Hub) -> Place:
    """The place in the target's block."""
    options = deployment.options
    module = module_name(deployment) if options.device else ""
    return Place(hub.name, options.device or "", module, options.hub)


def known(context: Context) -> list[Place]:
    """All places where the deployment may have something."""
    return [Place(**each) for each in json.loads(context.recorded(_FACT) or "[]")]


def enter(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub) -> None:
    """Record the place of the block, before anything is applied there."""
    place, before = here(deployment, hub), known(context)
    if place not in before:
        _record(context, [*before, place])


def leave(
    deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub, connect: Connect, *, keep: bool
) -> Pending | None:
    """Take one step to remove what is left at old places. None once nothing is left, or all of it is kept."""
    current, places = here(deployment, hub), known(context)
    old = [] if keep else [place for place in places if place != current]
    if not old:
        return None
    _remove(old[0], deployment, context, connect)
    _record(context, [place for place in places if place != old[0]])
    return Pending(phase="removing the old place", detail=str(old[0]), retry_after=0.0)


def forget(context: Context) -> None:
    """Record that the deployment has no place any more."""
    if known(context):
        _record(context, [])


def left(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub, connect: Connect) -> Iterator[str]:
    """The old places that still have something of the deployment, in words."""
    current = here(deployment, hub)
    for place in known(context):
        if place == current:
            continue
        with connect(place.hub) as there:
            if _has_module(there, place, deployment) or (not place.device and _has_fleet(there, deployment)):
                yield f"also on the hub: {place}, its old place"


def _remove(place: Place, deployment: Deployment[IotEdgeOptions], context: Context, connect: Connect) -> None:
    with connect(place.hub) as hub:
        if not place.device:
            for each in fleet.ours(hub.configurations(), deployment):
                context.intend(f"iot-edge/{each.id}/delete")
                hub.delete(each)
        elif agent := _has_module(hub, place, deployment):
            agent, router = content.begun(agent, hub.twin(place.device, ROUTER), place.device, deployment.options)
            context.intend(f"iot-edge/{place.device}/{deployment.service}/leave")
            hub.apply(place.device, content.without(agent, router, place.module))
            if not agent.connected:
                context.warn(f"{place.device} runs {place.module} until it is online again{offline(agent)}")


def _has_module(hub: Hub, place: Place, deployment: Deployment) -> Twin | None:
    """The agent of a device that still has our module. A device that joined a fleet has the content of the fleet."""
    agent = hub.twin(place.device, AGENT) if place.device else None
    module = (agent.desired.get("modules") or {}).get(place.module) if agent else None
    return agent if agent and module and not agent.deployments and is_ours(module, deployment) else None


def _has_fleet(hub: Hub, deployment: Deployment) -> bool:
    return bool(fleet.ours(hub.configurations(), deployment))


def _record(context: Context, places: list[Place]) -> None:
    context.record(_FACT, json.dumps([asdict(place) for place in places]))
