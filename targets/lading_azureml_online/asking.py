"""The status, the address and the list of endpoints, from the workspace alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lading import Listed, Listing, NoScoringUri, ScoringUri, Served, State, Status

from .owning import (
    HEADER,
    MODEL,
    PACKAGE,
    RELEASE_ID,
    TARGET,
    foreign,
    is_canary,
    is_ours,
    stable_of,
    whose,
    workspace_of,
)
from .scaling import changes
from .settings import deployment_changes, endpoint_changes, is_of

if TYPE_CHECKING:
    from lading import Context, Deployment
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment, Resource
    from lading_azureml_v2.workspace import Workspace

    from .kind import Kind
    from .options import OnlineOptions

_STATES = {
    "succeeded": State.RUNNING,
    "creating": State.PENDING,
    "updating": State.PENDING,
    "scaling": State.PENDING,
    "deleting": State.PENDING,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}


def status(kind: Kind, deployment: Deployment[OnlineOptions], context: Context) -> Status:
    """The release that gets the requests, and the settings that others have changed."""
    endpoint = workspace_of(context).endpoint(deployment.service)
    if endpoint is None:
        return Status(state=State.ABSENT)
    if not is_ours(endpoint.tags, deployment):
        return Status(state=State.UNKNOWN, detail=whose(endpoint, context))
    found = workspace_of(context).deployments(endpoint.name)
    served = next((each for each in found if each.name == stable_of(endpoint, found)), None)
    if served is None:
        return _without_requests(endpoint, found)
    state = State.PENDING if endpoint.is_leaving else _state(served)
    changed = dict(_changed(kind, deployment.options, workspace_of(context), endpoint, served))
    if names := foreign(endpoint, found, deployment):
        changed["traffic"] = f"changed: deployment {names} gets requests"
    words = [] if state is State.RUNNING else [f"deployment {served.name} is {served.state}"]
    return Status(
        state=state,
        package_digest=served.tags.get(PACKAGE),
        model_sha256=served.tags.get(MODEL),
        release_id=served.tags.get(RELEASE_ID),
        detail="; ".join([*words, *(f"{name} was {how}" for name, how in changed.items())]),
        changed=changed,
        releases=tuple(
            _served(endpoint, each)
            for each in found
            if each is served or (is_ours(each.tags, deployment) and is_canary(each, endpoint, served))
        ),
    )


def _served(endpoint: Endpoint, found: OnlineDeployment) -> Served:
    wanted = found.instances or 1
    return Served(
        release_id=found.tags.get(RELEASE_ID, ""),
        package_digest=found.tags.get(PACKAGE, ""),
        weight=endpoint.traffic.get(found.name, 0),
        shadow=endpoint.mirror.get(found.name, 0),
        ready=0 if found.is_busy or found.has_failed else wanted,
        wanted=wanted,
        headers={HEADER: found.name},
    )


def _without_requests(endpoint: Endpoint, found: Sequence[OnlineDeployment]) -> Status:
    if endpoint.is_busy or any(each.is_busy for each in found):
        return Status(state=State.PENDING, detail=f"endpoint {endpoint.name} is {endpoint.state}")
    return Status(state=State.FAILED, detail=f"no deployment of endpoint {endpoint.name} gets requests")


def _changed(
    kind: Kind, options: OnlineOptions, workspace: Workspace, endpoint: Endpoint, served: OnlineDeployment
) -> Iterator[tuple[str, str]]:
    """The changes of others. The options show them only while they are those of the release that serves."""
    if is_of(kind, options, served, workspace):
        yield from endpoint_changes(kind, options, endpoint, workspace)
        yield from deployment_changes(kind, options, served, workspace)
        yield from changes(kind, options, endpoint.name, served, workspace)


def scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri:
    endpoint = workspace_of(context).endpoint(deployment.service)
    if endpoint is None:
        return NoScoringUri(reason=f"the workspace has no endpoint {deployment.service}")
    if not is_ours(endpoint.tags, deployment):
        return NoScoringUri(reason=whose(endpoint, context))
    if not endpoint.uri:
        return NoScoringUri(reason=f"the endpoint is {endpoint.state}")
    return ScoringUri(uri=endpoint.uri, needs_key=True)


def everything(kind: Kind, context: Context) -> Listing:
    """All endpoints of this kind in the workspace with our tags, of every service and store."""
    found = [each for each in workspace_of(context).endpoints() if TARGET in each.tags]
    return Listing(objects=tuple(map(_listed, (each for each in found if kind.has(each.compute)))))


def _listed(endpoint: Endpoint) -> Listed:
    state = _state(endpoint) if endpoint.traffic or endpoint.is_busy else State.FAILED
    return Listed.from_tags(
        endpoint.tags, name=endpoint.name, state=state, uri=endpoint.uri or None, created=endpoint.created
    )


def _state(found: Resource) -> State:
    return _STATES.get(found.state, State.UNKNOWN)
