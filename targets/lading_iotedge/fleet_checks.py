"""Check a rollout before its automatic deployment is created: its rank, and the platform of the devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lading import BadInput, StageFailed

from .addresses import members
from .image import other_platform, platform_of
from .options import IotEdgeOptions
from .port import AGENT, Configuration, Hub

_MOST = 100  # the maximum of automatic deployments in a hub
_NAMED = 5  # devices to name
_MAX_OTHERS = 1000  # devices of another platform to read


def check_condition(hub: Hub, condition: str, queries: Mapping[str, str]) -> None:
    """Let the hub check a target condition and the queries of metrics. Raises BadInput with its words."""
    objections = hub.test(condition, queries)
    if objections:
        raise BadInput(
            f"{hub.name} says: {'; '.join(objections)}", hint="correct it in the manifest", option="target_condition"
        )


def check_rank(
    found: Sequence[Configuration], theirs: Sequence[Configuration], priority: int, options: IotEdgeOptions
) -> None:
    """Refuse a deployment that devices would ignore. `theirs` are the deployments of `found` that are not ours."""
    if len(found) >= _MOST:
        raise StageFailed(
            f"the hub has {len(found)} automatic deployments, and takes no more", hint="delete one of them first"
        )
    whole = [each for each in theirs if each.is_whole]
    if options.mode == "merge" and not whole:
        raise BadInput(
            "the hub has no whole deployment below this layer, so devices would ignore it",
            hint="create a whole deployment for these devices, or write `mode: replace`",
            option="mode",
        )
    hides = [each for each in whole if each.priority >= priority and each.condition in ("*", options.target_condition)]
    if options.mode == "merge" and all(each.priority >= priority for each in whole):
        hides = whole
    if hides:
        top = max(hides, key=lambda each: each.priority)
        raise BadInput(
            f"the deployment {top.id} has priority {top.priority}, so devices would ignore one with {priority}",
            hint=f"write `priority: {top.priority + 1}`",
            option="priority",
        )


def check_platform_of_fleet(hub: Hub, image: str, condition: str) -> None:
    """Refuse an image that devices of the fleet cannot run. One query, and a second one if any device differs."""
    query = f"SELECT * FROM devices.modules WHERE moduleId = '{AGENT}' AND {other_platform(image)}"
    found = {twin.device: platform_of(twin) for twin in hub.query(query, limit=_MAX_OTHERS)}
    others = {device: platform for device, platform in found.items() if platform}
    if not others:
        return
    fleet = {twin.device for twin in hub.query(members(condition))}
    wrong = [f"{device} ({others[device]})" for device in sorted(others.keys() & fleet)]
    if wrong:
        more = ", …" if len(wrong) > _NAMED else ""
        raise BadInput(
            f"the image is for {image}, and {len(wrong)} of the devices have another platform: "
            f"{', '.join(wrong[:_NAMED])}{more}",
            hint="build it for that platform, or exclude these devices",
            option="target_condition",
        )
