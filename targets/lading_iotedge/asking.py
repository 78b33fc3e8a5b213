"""Query and delete a deployment to one device or to a fleet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from lading import (
    Context,
    DeleteStep,
    Deployment,
    Done,
    Json,
    Logs,
    LogsRequest,
    NoScoringUri,
    Pending,
    ScoringUri,
    State,
    Status,
)

from . import addresses, comparing, fleet
from .content import begun, in_configuration, picked, registries, without
from .create_options import labels
from .judging import Seen, described, judge, offline
from .module import MODEL, PACKAGE, RELEASE_ID, is_ours, is_owned, module_name, own_routes, routes_of, twin_of
from .options import IotEdgeOptions
from .pace import pause
from .port import AGENT, ROUTER, Configuration, Hub, Twin
from .text import clean

STATES = {
    Seen.WAITING: State.PENDING,
    Seen.FAILING: State.PENDING,
    Seen.CRASHING: State.FAILED,
    Seen.REFUSED: State.FAILED,
    Seen.RUNNING: State.RUNNING,
}
_READ = 100  # the minimum of lines to read: a reader of fewer lines must still know which ones are old


def scoring_uri(deployment: Deployment[IotEdgeOptions], hub: Hub) -> ScoringUri | NoScoringUri:
    options = deployment.options
    if options.device is not None:
        return addresses.scoring_uri(deployment, hub)
    found = _newest(deployment, hub)
    if found is None:
        return NoScoringUri(reason="no automatic deployment of this service is on the hub")
    return addresses.fleet_uri(hub, options, module_name(deployment), found.id)


def status(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub) -> Status:
    """The status from the hub, with the requested digests. One call for a device, and one more if the module has
    routes; two for a fleet of any size.
    """
    device = deployment.options.device
    if device is None:
        return _fleet_status(deployment, context, hub)
    return _device_status(deployment, context, hub, device)


def _device_status(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub, device: str) -> Status:
    agent, name = hub.twin(device, AGENT), module_name(deployment)
    ours = (agent.desired.get("modules") or {}).get(name) if agent else None
    if agent is None or agent.deployments or ours is None or not is_owned(ours, deployment, context):
        return Status(state=State.ABSENT)  # a device in a fleet has the content of the fleet
    found, tags = judge(agent, name, ours["settings"]["image"]), labels(ours)
    release = tags.get(RELEASE_ID) or comparing.lost_labels(context, ours, f"{device}/{name}")
    detail = "" if found.seen is Seen.RUNNING else found.detail
    if found.seen is Seen.RUNNING and not agent.connected:
        detail = f"as last reported{offline(agent)}"
    names = routes_of(ours) if is_ours(ours, deployment) else comparing.routes(context)
    router = hub.twin(device, ROUTER) if names else None
    routes = picked(router.desired.get("routes") if router else None, names)
    twin = picked(_desired(hub, device, name) if twin_of(ours) else None, twin_of(ours))
    content = comparing.parts(ours, routes, _credential(deployment, registries(agent.desired)), twin)
    changed = _changed(deployment, context, release, content)
    return Status(
        state=STATES[found.seen],
        package_digest=tags.get(PACKAGE),
        model_sha256=tags.get(MODEL),
        release_id=tags.get(RELEASE_ID),
        detail=_with_changes(detail, changed),
        changed=changed,
    )


def _desired(hub: Hub, device: str, module: str) -> Mapping[str, Json]:
    found = hub.twin(device, module)
    return found.desired if found else {}


def _changed(
    deployment: Deployment[IotEdgeOptions], context: Context, release: str | None, content: Mapping[str, Json]
) -> dict[str, str]:
    """The differences between the content on the hub, the content of the release, and the variables of today."""
    credential = {name: value for name, value in content.items() if name.startswith("registry.")}
    differing = comparing.changed(context, release or "", content)
    return {**comparing.rotated(deployment.options, context, credential), **differing}


def _credential(deployment: Deployment[IotEdgeOptions], known: Mapping[str, Json]) -> Mapping[str, Json]:
    registry = deployment.options.registry
    return (known.get(registry.key) or {}) if registry else {}


def _with_changes(detail: str, changed: Mapping[str, str]) -> str:
    return "; ".join(filter(None, (detail, *(f"{name}: {words}" for name, words in changed.items()))))


def _fleet_status(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub) -> Status:
    found, options = _newest(deployment, hub), deployment.options
    if found is None:
        return Status(state=State.ABSENT)
    seen = fleet.counts(found)
    state = State.PENDING
    if fleet.is_enough(seen, options):
        state = State.RUNNING
    elif seen.failed > options.wait.max_failed:
        state = State.FAILED
    package, model, release = (found.labels.get(name.replace(".", "_")) for name in (PACKAGE, MODEL, RELEASE_ID))
    module, routes, known, twin = in_configuration(found.content, module_name(deployment))
    content = comparing.parts(module, routes, _credential(deployment, known), twin)
    changed = _changed(deployment, context, release, {**content, "target_condition": found.condition})
    return Status(
        state=state,
        package_digest=package,
        model_sha256=model,
        release_id=release,
        detail=_with_changes(str(seen), changed),
        changed=changed,
    )


def _newest(deployment: Deployment[IotEdgeOptions], hub: Hub) -> Configuration | None:
    """The current automatic deployment, with its metrics."""
    mine = fleet.ours(hub.configurations(), deployment)
    return hub.configuration(mine[0].id) if mine else None


def logs(request: LogsRequest[IotEdgeOptions], hub: Hub) -> Logs:
    """The agents' reports about the module. For one device that is online, also the end of the module's own log."""
    reports, own = _log(request.deployment, hub, max(request.tail, _READ))
    cursor = f"{' '.join(map(_mark, reports))}/{' '.join(map(_mark, own))}"
    if not request.cursor:
        lines = (*reports, *own)
        return Logs(lines=lines[max(0, len(lines) - request.tail) :], cursor=cursor)
    known, _, old = request.cursor.partition("/")
    changed = (line for line in reports if _mark(line) not in known.split())
    return Logs(lines=(*changed, *_after(own, old.split())), cursor=cursor)


def _log(deployment: Deployment[IotEdgeOptions], hub: Hub, tail: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The agents' reports, and the end of the module's own log."""
    options, name = deployment.options, module_name(deployment)
    if options.device is not None:
        agent = hub.twin(options.device, AGENT)
        if agent is None or name not in (agent.desired.get("modules") or {}):
            return (), ()
        return (_said(agent, name),), tuple(hub.module_log(options.device, name, tail))
    found = _newest(deployment, hub)
    if found is None:
        return (), ()
    agents = hub.query(addresses.applied(found.id), limit=tail)
    return (f"{found.id}: {fleet.counts(found)}", *(_said(agent, name) for agent in agents)), ()


def _mark(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:12]


def _after(lines: tuple[str, ...], old: list[str]) -> tuple[str, ...]:
    """The lines after the lines with the marks `old`, which were the end of the same log.

    The log can start at the same line, at an earlier one, or at a later one. In the last case, a part of `old` is gone.
    """
    marks = [_mark(line) for line in lines]
    whole = (start + len(old) for start in range(len(marks) - len(old) + 1) if marks[start : start + len(old)] == old)
    parts = (size for size in range(min(len(old), len(marks)), 0, -1) if old[-size:] == marks[:size])
    return lines[next(whole, next(parts, 0)) :]


def _said(agent: Twin, name: str) -> str:
    """One line of an agent's report."""
    found = (agent.reported.get("modules") or {}).get(name)
    if found is None:
        return f"{agent.device}: the module {name} is not reported yet{offline(agent)}"
    started = clean(str(found.get("lastStartTimeUtc") or ""))
    since = f" (started {started})" if started else ""
    return f"{agent.device}: {described(name, found)}{since}{offline(agent)}"


def delete(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub) -> DeleteStep:
    """One step of the deletion. An offline device receives it when it is online again."""
    options = deployment.options
    if options.device is not None:
        return _delete_module(deployment, context, hub, options.device)
    mine = fleet.ours(hub.configurations(), deployment)
    if not mine:
        return Done()
    context.intend(f"iot-edge/{mine[0].id}/delete")
    hub.delete(mine[0])
    return Pending(phase="deleting", detail=mine[0].id, retry_after=0.0)


def _delete_module(deployment: Deployment[IotEdgeOptions], context: Context, hub: Hub, device: str) -> DeleteStep:
    options, name = deployment.options, module_name(deployment)
    agent, router = (hub.twin(device, module) for module in (AGENT, ROUTER))
    if agent is None:
        return Done()
    modules = agent.desired.get("modules") or {}
    if agent.deployments:  # the content of a device that joined a fleet is that of the fleet
        return Done()
    if name in modules and is_owned(modules[name], deployment, context):
        agent, router = begun(agent, router, device, options)
        context.intend(f"iot-edge/{device}/{deployment.service}/delete")
        hub.apply(device, without(agent, router, name, own_routes(modules, modules[name], deployment, context)))
        return Pending(phase="deleting", detail=f"{device} has to remove {name}", retry_after=pause(options.wait.grace))
    if name in modules or name not in (agent.reported.get("modules") or {}):
        return Done()
    if not agent.connected:
        context.warn(f"{device} runs the module {name} until it is online again{offline(agent)}")
        return Done()
    return Pending(phase="deleting", detail=f"{device} is stopping {name}", retry_after=pause(options.wait.grace))
