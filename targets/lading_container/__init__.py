"""The target `container`: the package's image in a container on a Docker or Podman engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Capability, Description, ImageNeed, NoScoringUri, ScoringUri, State, Status, hookimpl

from .options import ContainerOptions

if TYPE_CHECKING:  # a deploy with nothing to do comes here for the status alone
    from lading import Context, Deployment, DeployRequest, DeployStep, Logs, LogsRequest


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="a container on a Docker or Podman engine",
        options=ContainerOptions,
        capabilities=frozenset(
            {
                Capability.STATUS,
                Capability.LOGS,
                Capability.DELETE,
                Capability.SCORING_URI,
                Capability.KEEPS_OLD_RELEASE,
            }
        ),
        image=ImageNeed.BUILT,
    )


@hookimpl
def lading_deploy(request: DeployRequest, context: Context) -> DeployStep:
    from .deploying import step

    return step(request, context)


@hookimpl
def lading_scoring_uri(deployment: Deployment) -> ScoringUri | NoScoringUri:
    from .containers import serving

    found = serving(deployment)
    if found is None:
        return NoScoringUri("there is no container of it")
    if found.state != "running" or found.uri is None:
        return NoScoringUri(f"the container {found.name} is {found.state}; `lading deploy` brings it back")
    network = getattr(deployment.options, "network", None)
    return ScoringUri(found.uri, internal=f"http://{found.name}:5001/score" if network else None)


@hookimpl
def lading_status(deployment: Deployment) -> Status:
    from .containers import serving

    found = serving(deployment)
    if found is None:
        return Status(State.ABSENT)
    return Status(found.standing, found.labels.get("lading.package"), found.labels.get("lading.model"), found.detail)


@hookimpl
def lading_logs(request: LogsRequest) -> Logs:
    from .logs import read_log

    return read_log(request)


@hookimpl
def lading_delete(deployment: Deployment, context: Context) -> Status:
    from .deleting import delete

    return delete(deployment, context)
