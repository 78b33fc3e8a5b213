"""Devices, their modules and twins, and the content that is applied to one device."""

from __future__ import annotations

import re

from offline_azure.messages import Answer, Refusal, WrongShape, as_json
from offline_azure.state import Record

from . import rollout
from .content import check_content
from .state import AGENT, EDGE_HUB, Agent, Device
from .visits import Visit, fields, routes

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
            "parentScopes": [f"ms-azure-iot-edge://{device.parent}-637291"] if device.parent else [],
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


@devices.on("GET", "/twins/{device}/modules/{module}")
def get_module_twin(visit: Visit) -> Answer:
    device = visit.hub.device(visit["device"])
    device.module(visit["module"])
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
    if device.rival is not None:
        rival = device.rival
        visit.hub.later(0, lambda: rollout.apply(device, rival))
    return Answer(204)


@devices.on("POST", "/twins/{device}/modules/{module}/methods")
def invoke(visit: Visit) -> Answer:
    sent = visit.body({"methodName", "payload"}, {"responseTimeoutInSeconds", "connectTimeoutInSeconds"})
    device = visit.hub.device(visit["device"])
    device.module(visit["module"])
    if visit["module"] != AGENT or sent["methodName"] != "GetModuleLogs" or device.agent is None:
        raise WrongShape(f"{visit['module']} has no method {sent['methodName']!r} here")
    if not device.connected:
        raise Refusal(404, "DeviceNotOnline", "The operation failed because the requested device isn't online")
    return as_json({"status": 200, "payload": _logs(device, device.agent, sent["payload"])})


def _logs(device: Device, agent: Agent, payload: Record) -> list[Record]:
    fields("logs' payload", payload, {"schemaVersion", "items"}, {"encoding", "contentType"})
    if (payload.get("encoding", "none"), payload.get("contentType", "text")) != ("none", "text"):
        raise WrongShape("logs are answered as plain text alone")
    names = device.modules[AGENT].reported.get("modules", {})
    return [
        {"id": name, "payloadBytes": None, "payload": agent.logs(name, item.get("filter", {}).get("tail", 1000))}
        for item in payload["items"]
        for name in names
        if re.search(item["id"], name)
    ]


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
