"""Which content each device is told to have: what was applied to it, or the automatic deployment that wins it."""

from __future__ import annotations

import copy

from offline_azure.state import Record

from .state import AGENT, Configuration, Device, Hub, Twin


def apply(device: Device, content: Record) -> None:
    """Write the desired properties of every module that the content names, and let the device know."""
    modules = content["modulesContent"]
    for name in modules[AGENT]["properties.desired"]["modules"]:
        device.modules.setdefault(name, Twin())
    for name, properties in modules.items():
        device.modules.setdefault(name, Twin()).desire(copy.deepcopy(properties["properties.desired"]))
    device.wake()


def resolve(hub: Hub) -> None:
    """After a change of a tag, a device or a deployment: the highest priority wins, the newest of equals.

    A device that no deployment wants any more keeps what it has.
    """
    ranked = sorted(hub.configurations.values(), key=lambda configuration: configuration.rank, reverse=True)
    for device in hub.devices.values():
        if device.edge:
            _target(device, ranked)


def _target(device: Device, ranked: list[Configuration]) -> None:
    document = device.document()
    wanted = [configuration for configuration in ranked if configuration.matches(document)]
    agent = device.modules[AGENT]
    before = [name for name, state in agent.configurations.items() if state["status"] == "Applied"]
    agent.configurations = {configuration.id: {"status": "Targeted"} for configuration in wanted}
    if wanted:
        agent.configurations[wanted[0].id] = {"status": "Applied"}
        if before != [wanted[0].id]:
            apply(device, wanted[0].content)
