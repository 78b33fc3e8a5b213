"""Check a device before a release: it exists, it is one of IoT Edge, and only Lading or people manage its content."""

from __future__ import annotations

from lading import BadInput

from .port import Hub, Twin


def check_device(hub: Hub, device: str) -> str:
    """The device through which a nested device reaches the hub, or ''. Raises BadInput if it cannot run modules."""
    found = hub.identity(device)
    if found is None:
        raise BadInput(
            f"the hub {hub.name} has no device {device}", hint="register it there, or name another one", option="device"
        )
    if not found.edge:
        raise BadInput(
            f"the device {device} of {hub.name} is not an IoT Edge device",
            hint="make it one, or name another device",
            option="device",
        )
    return found.parent


def check_unmanaged(agent: Twin) -> None:
    """Raise BadInput for a device whose content comes from an automatic deployment."""
    if agent.deployments:
        raise BadInput(
            f"the device {agent.device} is managed by the automatic deployment {', '.join(agent.deployments)}",
            hint="use target_condition, or take the device out of that deployment",
            option="device",
        )


def nested(device: str, parent: str) -> str:
    """The description of a nested device."""
    return f"{device} is a nested device: it reaches the hub through {parent}, and maybe no registry"
