"""One step of a shift: give each of the two releases of a service its share of the requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lading import Done, Failed, Pending

from . import bodies
from .clearing import ENDPOINT, busy, clear
from .failing import cause_of
from .operations import Operations, error_of, pending
from .owning import (
    ALL,
    RELEASE_ID,
    foreign_traffic,
    has_auth,
    is_canary,
    is_ours,
    our_endpoint,
    stable_of,
    workspace_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from lading import Context, ShiftRequest, ShiftStep
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment

    from .kind import Kind
    from .options import OnlineOptions

_MOST_MIRRORED = 50  # percent, the limit of Azure
_PHASE = "shifting"


def step(kind: Kind, request: ShiftRequest[OnlineOptions], context: Context) -> ShiftStep:
    """The next step towards `request.shares`. A release without a share is deleted."""
    endpoint = our_endpoint(request.deployment, context)
    if endpoint is None:
        return Failed(reason=f"{request.deployment.service} is not deployed")
    shift = Shift(kind, request, context, endpoint)
    problem = shift.problem
    return Failed(reason=problem) if problem else shift.step()


class Shift:
    """The shares that an endpoint shall have, and its present ones."""

    def __init__(self, kind: Kind, request: ShiftRequest[OnlineOptions], context: Context, endpoint: Endpoint) -> None:
        self._kind, self._deployment, self._shares, self._context = kind, request.deployment, request.shares, context
        self._endpoint, self._workspace = endpoint, workspace_of(context)
        self._operations = Operations(context, self._workspace, f"shift/{request.shares}")
        self._all = self._workspace.deployments(endpoint.name)
        ours = (each for each in self._all if is_ours(each.tags, request.deployment) and not each.is_leaving)
        self._named = {each.tags.get(RELEASE_ID, ""): each for each in ours}

    @property
    def problem(self) -> str:
        """Why these shares cannot be; empty if they can."""
        for share in self._shares:
            if share.release_id not in self._named:
                return f"release {share.release_id} does not serve"
            if share.shadow > _MOST_MIRRORED:
                return f"Azure copies at most {_MOST_MIRRORED} % of the requests"
        if not has_auth(self._endpoint, self._deployment.options):
            return "the block has another `auth` than the endpoint, and clients use it: write the earlier one"
        if foreign := foreign_traffic(self._endpoint, self._all, self._deployment):
            return foreign
        return "" if sum(share.weight for share in self._shares) == ALL else f"the weights do not add up to {ALL}"

    def step(self) -> ShiftStep:
        """Write the shares, wait until Azure has them, and delete a deployment without a share."""
        operation = self._operations.find(ENDPOINT)
        if self._endpoint.is_busy or (operation and operation.is_running):
            return pending(_PHASE, f"the endpoint is {self._endpoint.state}", operation)
        is_wrong = self._endpoint.has_failed or not self._is_right
        if operation or (self._operations.is_hidden(ENDPOINT) and is_wrong):
            self._operations.forget(ENDPOINT)
            return Failed(reason=cause_of(error_of(operation), _PHASE, on_kubernetes=self._kind.on_kubernetes).reason)
        if is_wrong:
            return busy(self._all) or self._put()
        keep = {each.name for each in self._chosen}
        return clear(self._all, keep, self._deployment, self._context, self._operations) or self._end(keep)

    def _end(self, keep: Collection[str]) -> Done | Failed:
        """Done, unless Azure did not delete a canary: the status would show it."""
        others = (each for each in self._named.values() if each.name not in keep)
        left = next((each.name for each in others if is_canary(each, self._endpoint, self._stable)), None)
        return Failed(reason=f"the canary {left} stays without requests") if left else Done()

    @property
    def _chosen(self) -> list[OnlineDeployment]:
        """The deployments with a share."""
        return [self._named[share.release_id] for share in self._shares]

    @property
    def _stable(self) -> OnlineDeployment:
        """The deployment whose marks the endpoint gets: the only one, or the one that is stable now."""
        stable = stable_of(self._endpoint, self._all)
        return next((each for each in self._chosen if each.name == stable), self._chosen[0])

    @property
    def _traffic(self) -> dict[str, int]:
        return {self._named[share.release_id].name: share.weight for share in self._shares if share.weight}

    @property
    def _mirror(self) -> dict[str, int]:
        return {self._named[share.release_id].name: share.shadow for share in self._shares if share.shadow}

    @property
    def _is_right(self) -> bool:
        return self._is_marked and (self._endpoint.traffic, self._endpoint.mirror) == (self._traffic, self._mirror)

    @property
    def _is_marked(self) -> bool:
        """Whether the endpoint has the marks of the stable release, and so its settings."""
        return self._endpoint.tags.get(RELEASE_ID) == self._stable.tags.get(RELEASE_ID)

    def _known_options(self) -> OnlineOptions:
        """The options. Tags or a description with a variable that is not set are replaced by those of the endpoint."""
        options, present = self._deployment.options, self._endpoint
        kept: dict[str, Any] = {}
        if any("${" in value for value in options.tags.values()):
            kept["tags"] = present.user_tags
        if "${" in (options.description or ""):
            kept["description"] = present.description or None
        if kept:
            stay = "stays" if [*kept] == ["description"] else "stay"
            self._context.warn(f"{' and '.join(kept)} of endpoint {present.name} {stay}: a variable is not set")
        return replace(options, **kept)

    def _put(self) -> Pending:
        """Write the shares. The endpoint keeps its settings until another release is stable."""
        body = bodies.endpoint(
            self._kind,
            self._deployment.options if self._is_marked else self._known_options(),
            self._stable.marks,
            self._workspace,
            self._traffic,
            mirror=self._mirror,
            keep=self._endpoint if self._is_marked else None,
        )
        body["identity"] = bodies.present_identity(self._endpoint)  # the option may be left out: see `deploy_only`
        shares = "+".join(f"{name}:{weight}" for name, weight in self._traffic.items())
        self._context.intend(f"endpoint/{self._endpoint.name}/shares/{shares}")
        wait = self._operations.keep(ENDPOINT, self._workspace.put_endpoint(self._endpoint.name, body))
        return Pending(phase=_PHASE, detail=self._endpoint.name, retry_after=wait)
