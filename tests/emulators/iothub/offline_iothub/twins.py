"""Devices, their modules and twins, and the content that is applied to one device."""

from __future__ import annotations

from offline_azure.messages import Answer, Refusal, WrongShape, as_json
from offline_azure.state import Record

from . import rollout
from .content import check_content
from .state import AGENT, EDGE_HUB, Device, Twin
from .visits import Visit, check_etag, fields, routes

devices = routes()
ROUTES = (devices,)
SYSTEM = {AGENT, EDGE_HUB}


@devices.on("GET", "/devices/{device}")
def get_device(visit: Visit) -> Answer:
    device = visit.hub.device(visit["device"])
    return as_json(
        {
            "deviceId": device.id,
            "generationId": device.id,
            "etag": device.twin.etag,
            "connectionState": "Connected" if device.connected else "Disconnected",
            "connectionStateUpdatedTime": device.since,
            "status": "enabled",
            "statusReason": None,
            "lastActivityTime": device.since,
            "cloudToDeviceMessageCount": 0,
            "authentication": {"type": "sas", "symmetricKey": device.keys},
            "capabilities": {"iotEdge": device.edge},
        },
        ETag=f'"{device.twin.etag}"',
    )


@devices.on("GET", "/devices/{device}/modules")
def get_modules(visit: Visit) -> Answer:
    device = visit.hub.device(visit["device"])
    return as_json([_identity(device, name) for name in device.modules])


@devices.on("GET", "/twins/{device}")
def get_twin(visit: Visit) -> Answer:
    return _twin(visit.hub.device(visit["device"]))


@devices.on("PATCH", "/twins/{device}")
def patch_twin(visit: Visit) -> Answer:
    device = visit.hub.device(visit["device"])
    _patch(visit, device.twin)
    rollout.resolve(visit.hub)
    return _twin(device)


@devices.on("GET", "/twins/{device}/modules/{module}")
def get_module_twin(visit: Visit) -> Answer:
    device = visit.hub.device(visit["device"])
    device.module(visit["module"])
    return _twin(device, visit["module"])


@devices.on("PATCH", "/twins/{device}/modules/{module}")
def patch_module_twin(visit: Visit) -> Answer:
    device = visit.hub.device(visit["device"])
    _patch(visit, device.module(visit["module"]))
    device.wake()
    return _twin(device, visit["module"])


@devices.on("POST", "/devices/{device}/applyConfigurationContent")
def apply_content(visit: Visit) -> Answer:
    content = visit.body({"modulesContent"})
    device = visit.hub.device(visit["device"])
    if visit.if_match is not None:
        raise WrongShape("applyConfigurationContent knows no etag")
    if not device.edge:
        raise Refusal(400, "InvalidConfigurationContent", f"Device {device.id} is no IoT Edge device")
    check_content(content)
    rollout.apply(device, content)
    return Answer(204)


def _identity(device: Device, name: str) -> Record:
    twin = device.modules[name]
    return {
        "moduleId": name,
        "managedBy": "iotEdge" if name in SYSTEM else None,
        "deviceId": device.id,
        "generationId": device.id,
        "etag": twin.etag,
        "connectionState": "Connected" if device.connected else "Disconnected",
        "authentication": {"type": "sas", "symmetricKey": device.keys},
    }


def _twin(device: Device, module: str = "") -> Answer:
    document = device.document(module)
    return as_json(document, ETag=f'"{document["etag"]}"')


def _patch(visit: Visit, twin: Twin) -> None:
    sent = visit.body(set(), {"tags", "properties", "etag", "deviceId", "moduleId"})
    check_etag(visit.if_match, twin.etag)
    if "tags" in sent:
        twin.tags = merged(twin.tags, sent["tags"])
    if "properties" in sent:
        fields("twin's properties", sent["properties"], {"desired"}, set())
        twin.desire(merged(twin.desired, sent["properties"]["desired"]))
    else:
        twin.touch()


def merged(old: Record, new: Record) -> Record:
    """As twins are patched: objects by key, null removes."""
    result = {**old, **new}
    for name, value in new.items():
        if isinstance(value, dict):
            before = old.get(name)
            result[name] = merged(before if isinstance(before, dict) else {}, value)
    return {name: value for name, value in result.items() if value is not None}
