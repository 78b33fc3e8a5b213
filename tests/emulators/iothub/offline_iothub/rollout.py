"""The desired content of each device: content that was applied to it, or the automatic deployments that win."""

from __future__ import annotations

import copy
from typing import Any

from offline_azure.state import Record

from .content import WHOLE, is_layer
from .state import AGENT, Configuration, Device, Hub, Twin


def apply(device: Device, content: Record) -> None:
    """Write the desired properties of every module in the content, and notify the device."""
    modules = content["modulesContent"]
    for name in modules[AGENT][WHOLE]["modules"]:
        device.modules.setdefault(name, Twin())
    for name, properties in modules.items():
        device.modules.setdefault(name, Twin()).desire(copy.deepcopy(properties[WHOLE]))
    device.wake()


def resolve(hub: Hub) -> None:
    """Recompute the content of devices after a change of a tag, a device or a deployment.

    The full deployment with the highest priority wins; of equal ones, the newest. Layers with a higher rank are added.
    A device without a matching full deployment keeps its content.
    """
    ranked = sorted(hub.configurations.values(), key=lambda configuration: configuration.rank)
    for device in hub.devices.values():
        if device.edge:
            _target(device, ranked)


def _target(device: Device, ranked: list[Configuration]) -> None:
    document = device.document()
    wanted = [configuration for configuration in ranked if configuration.matches(document)]
    applied = _stack(wanted)
    device.modules[AGENT].configurations = {
        **{configuration.id: {"status": "Targeted"} for configuration in wanted},
        **{configuration.id: {"status": "Applied"} for configuration in applied},
    }
    composed = tuple(configuration.id for configuration in applied)
    if applied and composed != device.composed:
        apply(device, _merged([configuration.content for configuration in applied]))
    device.composed = composed


def _stack(wanted: list[Configuration]) -> list[Configuration]:
    """The winning full deployment and its layers, from the bottom up."""
    whole = [number for number, configuration in enumerate(wanted) if not is_layer(configuration.content)]
    return wanted[whole[-1] :] if whole else []


def _merged(contents: list[Record]) -> Record:
    base, *layers = copy.deepcopy(contents)
    for layer in layers:
        for name, parts in layer["modulesContent"].items():
            for key, value in parts.items():
                desired = base["modulesContent"].setdefault(name, {WHOLE: {}})[WHOLE]
                _put(desired, key.removeprefix(f"{WHOLE}.").split("."), value)
    return {"modulesContent": base["modulesContent"]}


def _put(desired: Record, path: list[str], value: Any) -> None:
    for name in path[:-1]:
        desired = desired.setdefault(name, {})
    desired[path[-1]] = value
