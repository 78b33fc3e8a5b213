"""What can be asked of a deployment, and its end; of one device and of a fleet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from lading import Context, Deployment, Logs, LogsRequest, NoScoringUri, ScoringUri, State, Status

from . import addresses, fleet
from .content import begun, without
from .create_options import labels
from .judging import Seen, described, judge, offline
from .module import MODEL, PACKAGE, is_ours, module_name, routes_of
from .options import IotEdgeOptions
from .port import AGENT, ROUTER, Configuration, Hub, Twin
from .text import clean

_STATES = {
    Seen.WAITING: State.PENDING,
    Seen.FAILING: State.PENDING,
    Seen.CRASHING: State.FAILED,
    Seen.REFUSED: State.FAILED,
    Seen.RUNNING: State.RUNNING,
}


def scoring_uri(deployment: Deployment, hub: Hub) -> ScoringUri | NoScoringUri:
    options = _options(deployment)
    if options.device is not None:
        return addresses.scoring_uri(deployment, hub)
    found = _newest(deployment, hub)
    if found is None:
        return NoScoringUri("no automatic deployment of this service is on the hub")
    return addresses.fleet_uri(hub, options, module_name(deployment), found.id)


def status(deployment: Deployment, hub: Hub) -> Status:
    """What the hub says, with the digests of what was asked for; one call for a device, two for a fleet of any size."""
    options = _options(deployment)
    return _fleet_status(deployment, hub) if options.device is None else _device_status(deployment, hub, options.device)


def _device_status(deployment: Deployment, hub: Hub, device: str) -> Status:
    agent, name = hub.twin(device, AGENT), module_name(deployment)
    ours = (agent.desired.get("modules") or {}).get(name) if agent else None
    if agent is None or ours is None or not is_ours(ours, deployment):
        return Status(State.ABSENT)
    found, tags = judge(agent, name, ours["settings"]["image"]), labels(ours)
    detail = "" if found.seen is Seen.RUNNING else found.detail
    if found.seen is Seen.RUNNING and not agent.connected:
        detail = f"as last reported{offline(agent)}"
    return Status(_STATES[found.seen], tags.get(PACKAGE), tags.get(MODEL), detail)


def _fleet_status(deployment: Deployment, hub: Hub) -> Status:
    found, options = _newest(deployment, hub), _options(deployment)
    if found is None:
        return Status(State.ABSENT)
    seen = fleet.counts(found)
    state = State.PENDING
    if fleet.is_enough(seen, options):
        state = State.RUNNING
    elif seen.failed > options.wait.max_failed:
        state = State.FAILED
    package, model = (found.labels.get(name.replace(".", "_")) for name in (PACKAGE, MODEL))
    return Status(state, package, model, str(seen))


def _newest(deployment: Deployment, hub: Hub) -> Configuration | None:
    """The automatic deployment that counts, with its metrics."""
    mine = fleet.ours(hub.configurations(), deployment)
    return hub.configuration(mine[0].id) if mine else None


def logs(request: LogsRequest, hub: Hub) -> Logs:
    """What the agents report of the module; of one device the end of the module's own log, too, where it is online."""
    lines = tuple(_log(request, hub))[-request.tail :] if request.tail else ()
    known = set((request.cursor or "").split())
    marks = {line: hashlib.sha256(line.encode()).hexdigest()[:12] for line in lines}
    fresh = tuple(line for line in lines if marks[line] not in known)
    return Logs(fresh, " ".join(dict.fromkeys(marks.values())) or "-")


def _log(request: LogsRequest, hub: Hub) -> Iterator[str]:
    deployment, options = request.deployment, _options(request.deployment)
    name = module_name(deployment)
    if options.device is not None:
        agent = hub.twin(options.device, AGENT)
        if agent is not None and name in (agent.desired.get("modules") or {}):
            yield _said(agent, name)
            yield from hub.module_log(options.device, name, request.tail)
        return
    found = _newest(deployment, hub)
    if found is not None:
        yield f"{found.id}: {fleet.counts(found)}"
        for agent in hub.query(addresses.applied(found.id), limit=request.tail):
            yield _said(agent, name)


def _said(agent: Twin, name: str) -> str:
    """One line of what an agent reports."""
    found = (agent.reported.get("modules") or {}).get(name)
    if found is None:
        return f"{agent.device}: the module {name} is not reported yet{offline(agent)}"
    started = clean(str(found.get("lastStartTimeUtc") or ""))
    since = f" (started {started})" if started else ""
    return f"{agent.device}: {described(name, found)}{since}{offline(agent)}"


def delete(deployment: Deployment, context: Context, hub: Hub) -> Status:
    """One step towards nothing of ours being there; an offline device is told, and obeys when it comes back."""
    options = _options(deployment)
    if options.device is not None:
        return _delete_module(deployment, context, hub, options.device)
    mine = fleet.ours(hub.configurations(), deployment)
    if not mine:
        return Status(State.ABSENT)
    context.intend(f"iot-edge/{mine[0].id}/delete")
    hub.delete(mine[0])
    return Status(State.PENDING, detail=mine[0].id)


def _delete_module(deployment: Deployment, context: Context, hub: Hub, device: str) -> Status:
    options, name = _options(deployment), module_name(deployment)
    agent, router = (hub.twin(device, module) for module in (AGENT, ROUTER))
    if agent is None:
        return Status(State.ABSENT)
    modules = agent.desired.get("modules") or {}
    if name in modules and is_ours(modules[name], deployment):
        agent, router = begun(agent, router, device, options.edge_version)
        context.intend(f"iot-edge/{device}/{deployment.service}/delete")
        hub.apply(device, without(agent, router, name, routes_of(modules[name]), options.registry))
        return Status(State.PENDING, detail=f"{device} is told")
    if name in modules or name not in (agent.reported.get("modules") or {}):
        return Status(State.ABSENT)
    if not agent.connected:
        context.warn(f"{device} runs the module {name} until it comes back{offline(agent)}")
        return Status(State.ABSENT)
    return Status(State.PENDING, detail=f"{device} is stopping it")


def _options(deployment: Deployment) -> IotEdgeOptions:
    assert isinstance(deployment.options, IotEdgeOptions)
    return deployment.options
