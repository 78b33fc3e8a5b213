"""The autoscale setting of a deployment. It is written before the deployment gets requests, and deleted with it.

Azure has at most one setting for a deployment, and does not move a setting to another one. So each release has its own.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lading import StageFailed
from lading_azureml.port import NotAllowed

from .owning import AUTOSCALE, OPTIONS, workspace_of
from .settings import is_changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lading import Context, Json
    from lading_azureml_v2.autoscaling import AutoscaleSettings
    from lading_azureml_v2.resources import OnlineDeployment
    from lading_azureml_v2.workspace import Workspace

    from .autoscale import Autoscale
    from .kind import Kind
    from .options import OnlineOptions

_METRIC = "CpuUtilizationPercentage"  # of a deployment
_WINDOW = "PT5M"  # the shortest one of Azure Monitor


def first_instances(kind: Kind, options: OnlineOptions, served: OnlineDeployment | None) -> Json:
    """The part of a new deployment with its number of instances, which is that of `served` within the limits.

    It is empty without `autoscale`: then the options have the number.
    """
    scale = kind.autoscale(options)
    if scale is None:
        return {}
    present = served.instances if served else None
    return {"capacity": min(scale.max, max(scale.min, present or scale.min))}


def scale(kind: Kind, options: OnlineOptions, endpoint: str, found: OnlineDeployment, context: Context) -> None:
    """Write the setting of a deployment if Azure has another one. Raises StageFailed if Azure refuses it."""
    wanted = _wanted(kind, options, endpoint, found, workspace_of(context))
    if wanted is None:
        return
    settings, name = _settings(workspace_of(context)), _name(endpoint, found)
    shown = settings.read(name)
    same = shown is not None and wanted["tags"].items() <= _tags(shown).items()
    if not same or shown.get("properties") is None or is_changed(wanted["properties"], shown["properties"]):
        context.intend(f"autoscale/{name}")
        settings.put(name, wanted)


def unscale(endpoint: str, found: OnlineDeployment, context: Context, *, again: bool = False) -> None:
    """Delete the setting of a deployment whose deletion Azure has accepted: Azure keeps it without the deployment.

    It costs nothing, so one that Azure does not delete stays, with a warning, except `again`. A sign-in that may not
    read settings has written none.
    """
    if AUTOSCALE not in found.tags:
        return
    settings, name = _settings(workspace_of(context)), _name(endpoint, found)
    target = _target(workspace_of(context), endpoint, found)
    try:
        shown = settings.read(name)
    except StageFailed:
        return
    if shown is None or is_changed(target, (shown.get("properties") or {}).get("targetResourceUri")):
        return
    context.intend(f"autoscale/{name}/delete")
    try:
        settings.delete(name)
    except StageFailed as error:
        if not again:
            context.warn(f"autoscale setting {name} stays: {error.message}")


def changes(
    kind: Kind, options: OnlineOptions, endpoint: str, found: OnlineDeployment, workspace: Workspace
) -> Iterator[tuple[str, str]]:
    """The change of others to the setting of a deployment, in words. Without the right to read it, none is known."""
    wanted = _wanted(kind, options, endpoint, found, workspace)
    if wanted is None:
        return
    try:
        shown = _settings(workspace).read(_name(endpoint, found))
    except NotAllowed:
        return
    if shown is None:
        yield "autoscale", "removed in Azure Monitor"
    elif _is_of(wanted, shown) and is_changed(wanted["properties"], shown["properties"]):
        yield "autoscale", "changed in Azure Monitor"


def _is_of(wanted: Json, shown: Json) -> bool:
    """Whether a setting was made with these limits."""
    return bool(wanted["tags"][OPTIONS] == _tags(shown).get(OPTIONS))


def _tags(shown: Json) -> dict[str, str]:
    """The tags of a setting, with their names in lower case: Azure ignores it."""
    return {name.lower(): value for name, value in (shown.get("tags") or {}).items()}


def _wanted(kind: Kind, options: OnlineOptions, endpoint: str, found: OnlineDeployment, workspace: Workspace) -> Json:
    """The setting of a deployment, as a request writes it; None if the options ask for none."""
    limits = kind.autoscale(options)
    if limits is None:
        return None
    return _body(limits, found.marks, _target(workspace, endpoint, found), workspace.location)


def _target(workspace: Workspace, endpoint: str, found: OnlineDeployment) -> str:
    """The path of a deployment."""
    return f"{workspace.id}/onlineEndpoints/{endpoint}/deployments/{found.name}"


def _body(scale: Autoscale, marks: Mapping[str, str], target: str, location: str) -> Json:
    """The setting for the deployment with the path `target`. `marks` are those of its release."""
    capacity = {"minimum": str(scale.min), "maximum": str(scale.max), "default": str(scale.min)}
    rules = [
        _rule(target, "GreaterThan", scale.cpu, "Increase"),
        _rule(target, "LessThan", scale.cpu / 2, "Decrease"),
    ]
    profile = {"name": "lading", "capacity": capacity, "rules": rules}
    properties = {"enabled": True, "targetResourceUri": target, "profiles": [profile]}
    digest = hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()
    return {"location": location, "tags": {**marks, OPTIONS: digest}, "properties": properties}


def _rule(target: str, operator: str, threshold: float, direction: str) -> Json:
    return {
        "metricTrigger": {
            "metricName": _METRIC,
            "metricResourceUri": target,
            "timeGrain": "PT1M",
            "statistic": "Average",
            "timeWindow": _WINDOW,
            "timeAggregation": "Average",
            "operator": operator,
            "threshold": threshold,
        },
        "scaleAction": {"direction": direction, "type": "ChangeCount", "value": "1", "cooldown": _WINDOW},
    }


def _settings(workspace: Workspace) -> AutoscaleSettings:
    from lading_azureml_v2.autoscaling import AutoscaleSettings  # only a release with `autoscale` needs it

    return AutoscaleSettings(workspace)


def _name(endpoint: str, found: OnlineDeployment) -> str:
    return f"{endpoint}-{found.name}"
