"""The form of requests that the real service accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .messages import WrongShape
from .state import Record, Workspace

AMOUNT = (int, float, type(None))  # null means the service's default
SERVICE_NAME = re.compile("[a-z][a-z0-9-]{1,30}[a-z0-9]")
COMMON = {"name": str, "computeType": str, "environmentImageRequest": dict}
ACI = {**COMMON, "containerResourceRequirements": dict}
AKS = {**COMMON, "computeName": str}
AUTOSCALER = ("autoscaleEnabled", "minReplicas", "maxReplicas", "targetUtilization", "refreshPeriodInSeconds")
KINDS = {"ACI": ACI, "AKS": AKS}


def check(what: str, body: Any, shape: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raise WrongShape if a field is missing or has another type."""
    if not isinstance(body, dict):
        raise WrongShape(f"the {what} is no object")
    for name, kind in shape.items():
        if not isinstance(body.get(name), kind):
            raise WrongShape(f"the {what}'s {name} is {body.get(name)!r}")


def check_service(workspace: Workspace, body: Any) -> None:
    """Check a create request for a service, including everything that it refers to."""
    check("service", body, {"computeType": str})
    if body["computeType"] not in KINDS:
        raise WrongShape(f"no services run on {body['computeType']!r}")
    check("service", body, KINDS[body["computeType"]])
    if not SERVICE_NAME.fullmatch(body["name"]):
        raise WrongShape(f"no service can be called {body['name']!r}")
    if body["computeType"] == "ACI":
        check("service's resources", body["containerResourceRequirements"], {"cpu": AMOUNT, "memoryInGB": AMOUNT})
    if body.get("autoScaler") and set(AUTOSCALER) - body["autoScaler"].keys():
        raise WrongShape(f"the autoScaler has {sorted(body['autoScaler'])}")
    check_image(workspace, body["environmentImageRequest"])


def check_image(workspace: Workspace, body: Any) -> None:
    """Check the inputs of an image: every asset is an uploaded artifact, and every model is registered."""
    shape = {"driverProgram": str, "assets": list, "modelIds": list, "environment": dict}
    check("image request", body, shape)
    for asset in body["assets"]:
        check("image's asset", asset, {"id": str, "url": str, "mimeType": str})
        if _artifact(asset) not in workspace.artifacts:
            raise WrongShape(f"the image's asset {asset['url']!r} is no artifact")
    if body["driverProgram"] not in [asset["id"] for asset in body["assets"]]:
        raise WrongShape(f"the driver {body['driverProgram']!r} is none of the assets")
    for identifier in body["modelIds"]:
        if identifier not in workspace.models:
            raise WrongShape(f"the image's model {identifier!r} is not registered")
    check("environment", body["environment"], {"name": str, "python": dict, "docker": dict})


def _artifact(asset: Record) -> str:
    return str(asset["url"]).removeprefix("aml://artifact/")
