"""Find the problems of a deploy before anything is trained or built. It only reads."""

from __future__ import annotations

from collections.abc import Iterator

from lading import Context, Deployment, FindingSeverity, PreflightRequest, TargetFinding, TargetFindings

from . import content, fleet
from .device_checks import check_device, check_unmanaged, nested
from .fleet_checks import check_condition, check_platform_of_fleet, check_rank
from .image import check_platform, platform_of
from .judging import offline
from .module import draft, our_module, own_routes
from .options import IotEdgeOptions
from .port import AGENT, ROUTER, Hub


def findings(request: PreflightRequest[IotEdgeOptions], context: Context, hub: Hub) -> TargetFindings:
    """The warnings about a device. A problem that would stop the deploy is raised, at its option."""
    made_for = getattr(request.image, "platform", None)  # the options of some image plugins have no platform
    if request.deployment.options.device is None:
        _check_fleet(request.deployment, made_for, context, hub)
        return TargetFindings()
    return TargetFindings(findings=tuple(_of_device(request.deployment, made_for, context, hub)))


def _of_device(
    deployment: Deployment[IotEdgeOptions], made_for: str | None, context: Context, hub: Hub
) -> Iterator[TargetFinding]:
    options = deployment.options
    device = options.device or ""
    wanted = draft(deployment, context)
    parent = check_device(hub, device)
    agent, router = content.begun(hub.twin(device, AGENT), hub.twin(device, ROUTER), device, options)
    check_unmanaged(agent)
    if made_for:
        check_platform(made_for, options.platform, platform_of(agent), f"the device {device}")
    modules = agent.desired.get("modules") or {}
    now = our_module(modules, deployment, device, context)
    content.put(agent, router, wanted, replaces=own_routes(modules, now, deployment, context))
    if parent and options.pull_from is None:
        yield _warning(nested(device, parent), "device", "write `pull_from: $upstream:443`")
    if not agent.connected:
        yield _warning(f"{device} gets the module when it connects{offline(agent)}", "device", None)


def _check_fleet(deployment: Deployment[IotEdgeOptions], made_for: str | None, context: Context, hub: Hub) -> None:
    options = deployment.options
    draft(deployment, context)
    check_condition(hub, options.target_condition or "*", {})
    found = hub.configurations()
    mine = fleet.ours(found, deployment)
    if not mine:
        check_rank(found, found, options.priority, options)
    if made_for:
        check_platform_of_fleet(hub, made_for, options.target_condition or "*")


def _warning(message: str, option: str, hint: str | None) -> TargetFinding:
    return TargetFinding(message=message, severity=FindingSeverity.WARNING, option=option, hint=hint)
