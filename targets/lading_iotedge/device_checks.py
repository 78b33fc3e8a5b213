"""Check a device before a release: it exists, it is one of IoT Edge, and it can reach the registry."""

from __future__ import annotations

from lading import BadInput, Context

from .options import IotEdgeOptions
from .port import Hub


def check_device(hub: Hub, options: IotEdgeOptions, device: str, context: Context) -> None:
    """Raise BadInput if the device cannot run modules. Warn of a nested device without a way to the registry."""
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
    if found.parent and options.pull_from is None:
        context.warn(
            f"{device} is a nested device: it reaches the hub through {found.parent}; "
            "if it cannot reach the registry, write `pull_from: $upstream:443`"
        )
