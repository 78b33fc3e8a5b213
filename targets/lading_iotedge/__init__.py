"""The target `iot-edge`: a module on a device of Azure IoT Edge, or on a fleet of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from lading import (
    Capability,
    Context,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    ImageNeed,
    Listing,
    ListRequest,
    Logs,
    LogsRequest,
    NoScoringUri,
    PlanFindings,
    PlanRequest,
    PluginError,
    PreflightRequest,
    ScoringUri,
    Status,
    TargetFindings,
    hookimpl,
)

from .options import IotEdgeOptions

if TYPE_CHECKING:
    from .port import Hub


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="a module on a device of Azure IoT Edge, or on a fleet of them",
        api=1,
        options=IotEdgeOptions,
        capabilities=frozenset(
            {
                Capability.STATUS,
                Capability.LOGS,
                Capability.DELETE,
                Capability.SCORING_URI,
                Capability.KEEPS_OLD_RELEASE,
                Capability.PLAN,
                Capability.PREFLIGHT,
                Capability.LIST,
            }
        ),
        image=ImageNeed.PUSHED,
        switch_gap="a device ends the container of a module before it starts the next one",
    )


@hookimpl
def lading_deploy(request: DeployRequest[IotEdgeOptions], context: Context) -> DeployStep:
    from . import device, fleet

    step = fleet.step if request.deployment.options.device is None else device.step
    with _hub(request.deployment.options.hub, context) as hub:
        return step(request, context, hub)


@hookimpl
def lading_scoring_uri(deployment: Deployment[IotEdgeOptions], context: Context) -> ScoringUri | NoScoringUri:
    from . import asking

    with _hub(deployment.options.hub, context) as hub:
        return asking.scoring_uri(deployment, hub)


@hookimpl
def lading_status(deployment: Deployment[IotEdgeOptions], context: Context) -> Status:
    from . import asking

    with _hub(deployment.options.hub, context) as hub:
        return asking.status(deployment, context, hub)


@hookimpl
def lading_logs(request: LogsRequest[IotEdgeOptions], context: Context) -> Logs:
    from . import asking

    with _hub(request.deployment.options.hub, context) as hub:
        return asking.logs(request, hub)


@hookimpl
def lading_delete(deployment: Deployment[IotEdgeOptions], context: Context) -> DeleteStep:
    from . import asking

    with _hub(deployment.options.hub, context) as hub:
        return asking.delete(deployment, context, hub)


@hookimpl
def lading_list(request: ListRequest[IotEdgeOptions], context: Context) -> Listing:
    from . import listing

    with _hub(request.deployment.options.hub, context) as hub:
        return listing.everything(hub)


@hookimpl
def lading_preflight(request: PreflightRequest[IotEdgeOptions], context: Context) -> TargetFindings:
    from . import preflight

    with _hub(request.deployment.options.hub, context) as hub:
        return preflight.findings(request, context, hub)


@hookimpl
def lading_plan(request: PlanRequest[IotEdgeOptions]) -> PlanFindings:
    from . import planning

    return planning.findings(request)


@contextmanager
def _hub(name: str, context: Context) -> Iterator[Hub]:
    """The hub of a deployment, for one step. Raises PluginError if the extra is not installed."""
    try:
        from .rest import connect
    except ImportError as error:
        raise PluginError(
            "the target 'iot-edge' needs azure-core and azure-identity", hint="pip install 'lading[iotedge]'"
        ) from error
    with closing(connect(name, context)) as hub:
        yield hub
