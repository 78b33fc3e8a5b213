"""The record of a service: the fields of the create request, and the service's defaults for the others."""

from __future__ import annotations

import secrets
from typing import Any

from .state import Record, Workspace, now

COMMON: Record = {
    "description": None,
    "kvTags": {},
    "properties": {},
    "appInsightsEnabled": False,
    "authEnabled": False,
    "sslEnabled": False,
}
ACI: Record = {
    **COMMON,
    "cname": None,
    "containerResourceRequirements": {"cpu": 0.1, "memoryInGB": 0.5},
    "publicIp": None,
    "sslCertificate": None,
    "sslKey": None,
}
AKS: Record = {
    **COMMON,
    "authEnabled": True,
    "aadAuthEnabled": False,
    "autoScaler": {
        "autoscaleEnabled": True,
        "minReplicas": 1,
        "maxReplicas": 10,
        "targetUtilization": 70,
        "refreshPeriodInSeconds": 1,
    },
    "numReplicas": 1,
    "containerResourceRequirements": {
        "cpu": 0.1,
        "cpuLimit": None,
        "memoryInGB": 0.5,
        "memoryInGBLimit": None,
        "gpu": None,
    },
    "dataCollection": {"storageEnabled": False, "eventHubEnabled": False},
    "livenessProbeRequirements": {
        "initialDelaySeconds": 310,
        "periodSeconds": 10,
        "failureThreshold": 3,
        "successThreshold": 1,
        "timeoutSeconds": 2,
    },
    "maxConcurrentRequestsPerContainer": 1,
    "maxQueueWaitMs": 500,
    "namespace": None,
    "scoringTimeoutMs": 60000,
}
DEFAULTS = {"ACI": ACI, "AKS": AKS}
EDITABLE = tuple({*ACI, *AKS, "environmentImageRequest"} - {"publicIp"})
PLAIN = {"kvTags", "properties", "description"}  # these change without a new container


def new_record(workspace: Workspace, body: Record) -> Record:
    """The record of a service from a create request."""
    record: Record = _merged(DEFAULTS[body["computeType"]], body)
    record.update(
        id=f"{workspace.scope}/services/{body['name']}",
        location=body.get("location") or workspace.location,
        createdTime=now(),
        updatedTime=now(),
        state="Transitioning",
        error=None,
        scoringUri=None,
    )
    record.pop("keys", None)
    record.pop("overwrite", None)
    return record


def read_record(workspace: Workspace, record: Record) -> Record:
    """The record as a client receives it."""
    models = [workspace.models[name] for name in record["environmentImageRequest"]["modelIds"]]
    hidden: Record = {name: None for name in ("sslKey", "sslCertificate") if name in record}
    return {**record, **hidden, "id": record["name"], "models": models}


def new_keys(given: Any = None) -> Record:
    """The keys of a create request. Missing ones are generated."""
    given = given or {}
    return {name: given.get(name) or secrets.token_urlsafe(24) for name in ("primaryKey", "secondaryKey")}


def _merged(defaults: Record, given: Record) -> Record:
    """The defaults, overridden by the given values, also one level down in objects. A null counts as missing."""
    merged = dict(defaults)
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(defaults.get(name), dict):
            merged[name] = {**defaults[name], **{key: item for key, item in value.items() if item is not None}}
        elif value is not None:
            merged[name] = value
    return merged
