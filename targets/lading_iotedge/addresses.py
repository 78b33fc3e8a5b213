"""The address of a module: the device reports the port, and the manifest gives the host."""

from __future__ import annotations

from collections.abc import Mapping

from lading import Deployment, Json, NoScoringUri, ScoringUri

from . import create_options
from .module import is_ours, module_name
from .options import IotEdgeOptions
from .port import AGENT, Hub, Twin
from .text import clean

_ON_DEVICE = (
    "no scoring_host says where the device is reached; other modules of the device reach it at http://{}:{}/score"
)


def scoring_uri(deployment: Deployment[IotEdgeOptions], hub: Hub) -> ScoringUri | NoScoringUri:
    """The address of the deployment on its one device."""
    options = deployment.options
    assert options.device is not None
    agent, name = hub.twin(options.device, AGENT), module_name(deployment)
    ours = (agent.desired.get("modules") or {}).get(name) if agent else None
    if agent is None or ours is None or not is_ours(ours, deployment):
        return NoScoringUri(reason=f"no module {name} of this deployment is on {options.device}")
    return device_uri(hub, options, name, agent)


def device_uri(hub: Hub, options: IotEdgeOptions, module: str, agent: Twin) -> ScoringUri | NoScoringUri:
    """The address of a module on the device of `agent`."""
    if options.scoring_host is None:
        return NoScoringUri(reason=_ON_DEVICE.format(module, options.container_port))
    device = (hub.twin(agent.device) if options.twin_path else None) or agent
    found = address(options, module, device, agent)
    return found if isinstance(found, NoScoringUri) else ScoringUri(uri=found, internal=_internal(options, module))


def fleet_uri(hub: Hub, options: IotEdgeOptions, module: str, deployment: str) -> ScoringUri | NoScoringUri:
    """The address of a module on each device of an automatic deployment. It costs two queries with all their pages."""
    if options.scoring_host is None:
        return NoScoringUri(reason=_ON_DEVICE.format(module, options.container_port))
    devices = {twin.device: twin for twin in hub.query(members(options.target_condition or "*"))}
    agents = hub.query(applied(deployment))
    found = {a.device: address(options, module, devices[a.device], a) for a in agents if a.device in devices}
    uris = {device: uri for device, uri in sorted(found.items()) if isinstance(uri, str)}
    if not uris:
        reasons = (uri.reason for uri in found.values() if isinstance(uri, NoScoringUri))
        return NoScoringUri(reason=next(reasons, "no device runs it yet"))
    return ScoringUri(uri=next(iter(uris.values())), internal=_internal(options, module), devices=uris)


def members(condition: str) -> str:
    """The query for the devices that meet a target condition."""
    also = "" if condition == "*" else f" AND ({condition})"
    return f"SELECT * FROM devices WHERE capabilities.iotEdge = true{also}"


def applied(deployment: str, select: str = "*") -> str:
    """The query for the agents of all devices that an automatic deployment applies to."""
    return (
        f"SELECT {select} FROM devices.modules WHERE moduleId = '$edgeAgent' "
        f"AND configurations.[[{deployment}]].status = 'Applied'"
    )


def address(options: IotEdgeOptions, module: str, device: Twin, agent: Twin) -> str | NoScoringUri:
    """The address of a module, from the twin of its device and what its agent reports."""
    reported = (agent.reported.get("modules") or {}).get(module) or {}
    port = create_options.host_port(create_options.joined(reported), options.container_port)
    if port is None:
        return NoScoringUri(reason=f"{agent.device} has not reported a port of the module {module}")
    host = _host(options, device)
    if not host:
        return NoScoringUri(reason=f"the twin of {agent.device} has no {options.scoring_host}")
    return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{port}/score"


def _host(options: IotEdgeOptions, device: Twin) -> str:
    if options.twin_path is None:
        return options.scoring_host or ""
    part, path = options.twin_path
    value: Json = device.tags if part == "tag" else device.reported
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return clean(value) if isinstance(value, str) else ""


def _internal(options: IotEdgeOptions, module: str) -> str:
    return f"http://{module}:{options.container_port}/score"
