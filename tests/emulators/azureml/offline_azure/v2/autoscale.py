"""Autoscale settings of Azure Monitor for deployments, in a resource group. The emulator changes no number by them.

The forms are those of the published interface (Microsoft.Insights, 2022-10-01).
"""

from __future__ import annotations

from ..messages import Answer, Refusal, as_json
from ..routing import MANAGEMENT, Routes, Visit
from ..state import Record
from . import bodies
from .rights import check_action, check_version, permissions_of
from .shapes import body

PROVIDER = "Microsoft.Insights"
KIND = f"{PROVIDER}/autoscaleSettings"
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
routes = Routes(MANAGEMENT, prefix=f"{GROUP}/providers/{KIND}")
group = Routes(MANAGEMENT, prefix=GROUP)
ROUTES = (routes, group)


@group.on("GET", "/providers/Microsoft.Authorization/permissions")
def read_permissions(visit: Visit) -> Answer:
    """The actions that the client's roles have at the resource group."""
    check_version(visit)
    return as_json({"value": [permissions_of(visit.world, on_group=True)]})


@routes.on("PUT", "/{setting}")
def put(visit: Visit) -> Answer:
    _check(visit, "write")
    given, settings = body(visit, bodies.AUTOSCALE), visit.world.autoscale
    properties, key = given["properties"], _key(visit)
    for profile in properties["profiles"]:
        _check_profile(profile)
    target = properties["targetResourceUri"].lower()
    _check_target(visit, target)
    if any(each["properties"]["targetResourceUri"].lower() == target for name, each in settings.items() if name != key):
        raise Refusal(409, "Conflict", f"The target resource {target} has an autoscale setting already.")
    status = 200 if key in settings else 201
    settings[key] = {
        **given,
        "id": visit.request.head.path,
        "name": visit["setting"],
        "type": KIND,
        "properties": {"notifications": [], "name": visit["setting"], **properties},
    }
    return as_json(settings[key], status)


@routes.on("GET", "/{setting}")
def read(visit: Visit) -> Answer:
    _check(visit, "read")
    if _key(visit) not in visit.world.autoscale:
        message = f"The Resource '{KIND}/{visit['setting']}' under resource group '{visit['group']}' was not found."
        raise Refusal(404, "ResourceNotFound", message)
    return as_json(visit.world.autoscale[_key(visit)])


@routes.on("DELETE", "/{setting}")
def delete(visit: Visit) -> Answer:
    _check(visit, "delete")
    return Answer(204 if visit.world.autoscale.pop(_key(visit), None) is None else 200)


def _check(visit: Visit, action: str) -> None:
    check_version(visit)
    check_action(visit, f"{KIND}/{action}", on_group=True)
    if PROVIDER in visit.world.settings.unregistered:
        message = f"The subscription '{visit['subscription']}' is not registered to use {PROVIDER.lower()}."
        raise Refusal(409, "MissingSubscriptionRegistration", message)
    if visit["subscription"] != visit.world.subscription_id or visit["group"].lower() not in visit.world.groups:
        raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{visit['group']}' could not be found.")


def _check_profile(profile: Record) -> None:
    """Raise Refusal for limits in another order."""
    capacity = {name: int(count) for name, count in profile["capacity"].items()}
    if not 0 < capacity["minimum"] <= capacity["default"] <= capacity["maximum"]:
        raise Refusal(400, "InvalidCapacity", f"The capacity {capacity} is out of order.")


def _check_target(visit: Visit, target: str) -> None:
    """Raise Refusal if a target is not a managed deployment. A path is in lower case."""
    for workspace in visit.world.workspaces.values():
        for key, record in workspace.v2.deployments.items():
            endpoint, _, name = key.partition("/")
            path = f"{workspace.scope}/onlineEndpoints/{endpoint}/deployments/{name}"
            if path.lower() == target and record["properties"]["endpointComputeType"].lower() == "managed":
                return
    raise Refusal(400, "InvalidTarget", f"The target resource {target} does not exist, or cannot be scaled.")


def _key(visit: Visit) -> str:
    return f"{visit['group']}/{visit['setting']}".lower()
