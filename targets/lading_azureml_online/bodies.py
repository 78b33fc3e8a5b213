"""The bodies of requests, made from the options alone.

Azure shows durations in whole seconds. A body that is made from a read would lose the parts of seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from lading import Json
from lading_azureml.sealing import seal
from lading_serving import identity

from . import collector
from .naming import deployment_name
from .owning import AUTOSCALE, BESIDE, ENVIRONMENT, OPTIONS, SECRETS

if TYPE_CHECKING:
    from lading import DeployRequest
    from lading_azureml_v2.resources import Endpoint
    from lading_azureml_v2.workspace import Workspace

    from .kind import Kind
    from .options import OnlineOptions, Probe, RequestSettings

_PORT = 5001
AUTH = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}
"""The `authMode` of an endpoint, by the option."""
_MODES = {mode.lower(): mode for mode in AUTH.values()}


def endpoint(
    kind: Kind,
    options: OnlineOptions,
    marks: Mapping[str, str],
    workspace: Workspace,
    traffic: Mapping[str, int],
    *,
    mirror: Mapping[str, int] = MappingProxyType({}),
    keep: Endpoint | None = None,
) -> Json:
    """An endpoint with the traffic of its deployments, in percent. `marks` are those of the release that serves.

    With `keep`, the settings that the endpoint has stay as they are.
    """
    properties = {
        "authMode": AUTH[options.auth],
        "description": options.description,
        "properties": {},
        "traffic": dict(traffic),
        "mirrorTraffic": dict(mirror),
        **kind.endpoint(options, workspace.id),
    }
    return {
        "location": workspace.location,
        "tags": {**(options.tags if keep is None else keep.user_tags), **marks},
        "identity": _identity(options),
        "properties": _given({**properties, **(_kept(keep, options) if keep else {})}),
    }


def _kept(endpoint: Endpoint, options: OnlineOptions) -> Json:
    """The present settings of an endpoint that options can change. The options replace an unknown `authMode`."""
    return {
        "authMode": _MODES.get(endpoint.auth, AUTH[options.auth]),
        "description": endpoint.description or None,
        "publicNetworkAccess": None if endpoint.is_public else "Disabled",
    }


def environment(image: str) -> Json:
    """An environment that is a finished image. Azure checks it, and scores, at these paths."""
    route = {"path": "/", "port": _PORT}
    routes = {"livenessRoute": route, "readinessRoute": route, "scoringRoute": {"path": "/score", "port": _PORT}}
    return {
        "properties": {
            "image": image,
            "inferenceConfig": routes,
            "osType": "Linux",
            "isAnonymous": True,
            "isArchived": False,
        }
    }


def built_environment(base: str, conda: str) -> Json:
    """An environment that Azure builds from a conda file, on a base image."""
    kept: Json = {"osType": "Linux", "isAnonymous": True, "isArchived": False}
    return {"properties": {"image": base, "condaFile": conda, **kept}}


def version_of(body: Json) -> str:
    """The version of an environment, from its content."""
    return _digest(body)[:32]


def deployment(
    kind: Kind,
    request: DeployRequest[OnlineOptions],
    workspace: Workspace,
    environment_id: str,
    more: Mapping[str, Json] = MappingProxyType({}),
) -> Json:
    """The deployment of a release, with `more` properties."""
    options = request.deployment.options
    body = _deployment(kind, options, workspace, environment_id)
    marks = {**request.tags, OPTIONS: digest(kind, options, workspace, environment_id)}
    marks[ENVIRONMENT] = environment_id.rpartition("/")[2]
    if request.beside:
        marks[BESIDE] = "true"
    if kind.autoscale(options):
        marks[AUTOSCALE] = "true"
    if options.env:
        marks[SECRETS] = seal(options.env)
    model = request.package.model
    facts = identity.variables(request.tags, model.name, model.version)
    properties = {**body["properties"], **more, "environmentVariables": {**facts, **options.env}}
    if options.data_collector:
        ids = {name: workspace.data_id(each.name, each.version) for name, each in data_assets(request).items()}
        properties["dataCollector"] = collector.body(options.data_collector, ids)
    return {**body, "tags": {**options.tags, **marks}, "properties": properties}


def data_assets(request: DeployRequest[OnlineOptions]) -> dict[str, collector.Asset]:
    """The data asset of each collection of a release; none without a data collector."""
    deployment, collected = request.deployment, request.deployment.options.data_collector
    return collector.assets(collected, deployment.service, deployment_name(request)) if collected else {}


def digest(kind: Kind, options: OnlineOptions, workspace: Workspace, environment_id: str) -> str:
    """The digest of the content of a release, without its tags and the values of its variables."""
    body = _deployment(kind, options, workspace, environment_id)
    endpoint = [options.auth, _identity(options), kind.endpoint(options, workspace.id)]
    collected = [collector.content(options.data_collector)] if options.data_collector else []
    return _digest([body, sorted(options.env), *endpoint, *collected])


def content(kind: Kind, options: OnlineOptions, workspace: Workspace) -> Json:
    """The properties of a deployment that options alone decide."""
    return _deployment(kind, options, workspace, "")["properties"]


def _deployment(kind: Kind, options: OnlineOptions, workspace: Workspace, environment_id: str) -> Json:
    properties = {
        "environmentId": environment_id,
        "appInsightsEnabled": options.app_insights_enabled,
        "requestSettings": _request_settings(options.request_settings),
        "livenessProbe": _probe(options.liveness_probe),
        "readinessProbe": _probe(options.readiness_probe),
        "endpointComputeType": kind.compute_type,
        **kind.deployment(options),
    }
    sku = _given({"name": "Default", "capacity": kind.instances(options)})
    return {"location": workspace.location, "sku": sku, "properties": _given(properties)}


def _identity(options: OnlineOptions) -> Json:
    return _with_ids([each.resource_id for each in options.identity.user_assigned_identities])


def present_identity(endpoint: Endpoint) -> Json:
    """The identity that an endpoint has. Azure cannot change it."""
    return _with_ids(sorted(endpoint.identities))


def _with_ids(ids: Sequence[str]) -> Json:
    """The identity with the ids of existing ones. Without any, Azure makes one."""
    if not ids:
        return {"type": "SystemAssigned"}
    return {"type": "UserAssigned", "userAssignedIdentities": {each: {} for each in ids}}


def _request_settings(settings: RequestSettings) -> Json:
    return _given(
        {
            "requestTimeout": _duration(settings.request_timeout_ms, 0.001),
            "maxConcurrentRequestsPerInstance": settings.max_concurrent_requests_per_instance,
            "maxQueueWait": _duration(settings.max_queue_wait_ms, 0.001),
        }
    )


def _probe(probe: Probe) -> Json:
    return _given(
        {
            "initialDelay": _duration(probe.initial_delay),
            "period": _duration(probe.period),
            "timeout": _duration(probe.timeout),
            "successThreshold": probe.success_threshold,
            "failureThreshold": probe.failure_threshold,
        }
    )


def _duration(value: int | None, unit: float = 1.0) -> str | None:
    """A duration of ISO 8601, such as PT0.1S."""
    return None if value is None else f"PT{value * unit:.10g}S"


def _given(values: Mapping[str, Json]) -> dict[str, Json]:
    """The values that are set. Azure applies its own defaults to the others."""
    left = {"traffic", "mirrorTraffic", "properties"}
    return {name: value for name, value in values.items() if name in left or value not in (None, {})}


def _digest(content: Json) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
