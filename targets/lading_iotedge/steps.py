"""The steps of a deployment at its place, and what is left at its old places."""

from __future__ import annotations

from dataclasses import replace

from lading import Context, DeleteStep, Deployment, DeployRequest, DeployStep, Done, Ready, Status

from . import asking, device, fleet, places
from .options import IotEdgeOptions
from .places import Connect
from .port import Hub


def deploy(request: DeployRequest[IotEdgeOptions], context: Context, hub: Hub, connect: Connect) -> DeployStep:
    """Take one step. Once the new place is up, the old one is removed."""
    deployment = request.deployment
    step = device.step if deployment.options.device is not None else fleet.step
    taken = step(request, context, hub)
    places.enter(deployment, context, hub)
    if not isinstance(taken, Ready):
        return taken
    return places.leave(deployment, context, hub, connect, keep=deployment.options.keep_old_place) or taken


def status(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub, connect: Connect) -> Status:
    """The status at the place of the block, and a note about each old place."""
    found = asking.status(deployment, context, hub)
    notes = tuple(places.left(deployment, context, hub, connect))
    return replace(found, detail="; ".join(filter(None, (found.detail, *notes))))


def delete(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub, connect: Connect) -> DeleteStep:
    """Take one step of the deletion, at the place of the block and then at the old ones."""
    taken = asking.delete(deployment, context, hub)
    if not isinstance(taken, Done):
        return taken
    if step := places.leave(deployment, context, hub, connect, keep=False):
        return step
    places.forget(context)
    return taken
