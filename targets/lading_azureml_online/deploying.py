"""One step of a deploy: bring up a deployment without traffic beside the old one, then give it all requests.

Each step reads the endpoint and its deployments. So the next command continues one that was killed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lading import BadInput, Candidate, DeployStep, Failed, Pending, Ready, Refused, StageFailed
from lading_azureml.sealing import fits

from . import bodies
from .begun import Begun
from .checking import problem
from .clearing import ENDPOINT, busy, clear, clear_endpoint
from .environments import environment, uploaded
from .failing import Cause, cause_of, refusal, with_build_log, with_log
from .naming import check_name, deployment_name
from .operations import Operations, error_of, pending
from .owning import (
    ALL,
    HEADER,
    OPTIONS,
    PACKAGE,
    RELEASE_ID,
    SECRETS,
    foreign_traffic,
    is_canary,
    our_endpoint,
    stable_of,
    workspace_of,
)
from .scaling import first_instances, scale
from .settings import deployment_changes, differs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lading import Context, DeployRequest, Json
    from lading_azureml_v2.resources import OnlineDeployment

    from .kind import Kind
    from .options import OnlineOptions

_CREATING = "creating the deployment"
_CHANGED = "changed"  # the record of the release that has changed the settings of the endpoint
_BRINGING_UP = timedelta(hours=1)  # the longest time that a command needs to bring a deployment up
_TAKEN = re.compile("already an endpoint|unique within a region", re.IGNORECASE)


def step(kind: Kind, request: DeployRequest[OnlineOptions], context: Context) -> DeployStep:
    """The next step of `request.release`."""
    check_name(request.deployment.service)
    release = Release(kind, request, context)
    given_up = Cause.read(context.work, request.release_id)
    if given_up is not None:
        return release.remove(given_up)
    if request.verdict is not None and not request.verdict.up:
        return release.give_up(Cause(reason=request.verdict.reason))
    if request.verdict is not None or release.serves:
        return release.promote()
    return release.bring_up()


class Release:
    """A release during its deploy, and the endpoint of its deployment."""

    def __init__(self, kind: Kind, request: DeployRequest[OnlineOptions], context: Context) -> None:
        self._kind, self._request, self._context = kind, request, context
        self._deployment, self._options = request.deployment, request.deployment.options
        self._workspace = workspace_of(context)
        self._operations = Operations(context, self._workspace, request.release_id)
        self._begun = Begun(context, request.release_id)
        self._endpoint = our_endpoint(request.deployment, context)
        self._all = self._workspace.deployments(self._endpoint.name) if self._endpoint else ()
        self._name = self._adopted or deployment_name(request)

    @property
    def serves(self) -> bool:
        """Whether the release gets all requests."""
        return self._endpoint is not None and self._endpoint.traffic == {self._name: ALL}

    @property
    def _adopted(self) -> str:
        """The name of the deployment that serves, if it has the content of this release already."""
        found = None if self._request.beside or self._request.force else self._find(self._stable)
        if found is None or found.has_failed or found.tags.get(PACKAGE) != self._request.package.digest:
            return ""
        wanted = bodies.digest(self._kind, self._options, self._workspace, self._environment_id)
        if found.tags.get(OPTIONS) != wanted or not fits(found.tags.get(SECRETS), self._options.env):
            return ""
        changed = any(deployment_changes(self._kind, self._options, found, self._workspace))
        return "" if changed else found.name

    def bring_up(self) -> DeployStep:
        """Create the endpoint and the deployment, or wait for them."""
        waiting = self._checked() or self._ready_endpoint()
        if waiting is not None:
            return waiting
        found, operation = self._find(self._name), self._operations.find(self._name)
        if (operation and operation.is_running) or (found and found.is_busy):
            return pending(_CREATING, f"{self._name} is {found.state if found else 'not there yet'}", operation)
        if operation or (found and found.has_failed):
            error = error_of(operation) if operation or self._operations.is_hidden(self._name) else {}
            return self.give_up(with_build_log(self._cause_of(error, _CREATING), error, self._workspace))
        if found is None:
            return self._clear(self._in_use) or busy(self._all) or self._create()
        assert self._endpoint is not None
        return self._scaled(found) or Candidate(uri=self._endpoint.uri, headers={HEADER: self._name})

    def promote(self) -> DeployStep:
        """Give the release all requests, then delete the old deployment."""
        if self._foreign and not self.serves:
            return self.give_up(Cause(reason=self._foreign))
        waiting = self._ready_endpoint()
        if waiting is not None:
            return waiting
        if self._request.beside:
            return self._cleared({self._name, self._stable})
        found = self._find(self._name)
        if not self.serves:
            if found is None:
                cause = Cause(reason=f"another command has deleted {self._name} before requests reached it")
                return cause.end(gone=True)
            return busy(self._all) or self._put_endpoint({self._name: ALL}, "switching", found)
        return (found and self._scaled(found)) or self._cleared({self._name})

    def _scaled(self, found: OnlineDeployment) -> DeployStep | None:
        """None once Azure Monitor has the setting of the release."""
        try:
            scale(self._kind, self._options, self._deployment.service, found, self._context)
        except StageFailed as error:
            return self.give_up(refusal(error, on_kubernetes=self._kind.on_kubernetes))
        return None

    def _cleared(self, keep: Collection[str]) -> DeployStep:
        """Ready when the others are deleted, or when Azure has refused that."""
        self._begun.clear()
        return self._clear(keep) or Ready()

    def give_up(self, cause: Cause) -> DeployStep:
        """Begin to remove the release. The one that served before continues."""
        if self._find(self._name) is not None:
            cause = with_log(cause, self._workspace, self._deployment.service, self._name)
        cause.write(self._context.work, self._request.release_id)
        return self.remove(cause)

    def remove(self, cause: Cause) -> DeployStep:
        """Delete the deployment of a release that is given up, and the endpoint if no release has ever served at it."""
        found = self._find(self._name)
        if found is not None and not (self._endpoint and self._endpoint.traffic.get(self._name)):
            waiting = self._clear({each.name for each in self._all} - {self._name})
        else:
            waiting = self._delete_endpoint()
        if waiting is not None:
            return waiting
        self._operations.forget(ENDPOINT)
        Cause.forget(self._context.work)
        return cause.end(gone=found is None)

    def _delete_endpoint(self) -> Pending | None:
        """The step until an endpoint at which no release has served is deleted; None if it stays."""
        if self._endpoint is None or not self._begun.has_all(self._endpoint, self._all):
            return None
        try:
            step = clear_endpoint(self._endpoint, self._all, self._context, self._operations)
        except StageFailed as error:
            step = Failed(reason=error.message)
        if isinstance(step, Pending):
            return step
        self._context.warn(f"endpoint {self._endpoint.name} stays: {step.reason}")
        return None

    @property
    def _in_use(self) -> set[str]:
        """The deployments that get requests, are a canary, or that another command may still bring up."""
        assert self._endpoint is not None
        shares, young = {**self._endpoint.traffic, **self._endpoint.mirror}, datetime.now(UTC) - _BRINGING_UP
        served = self._find(self._stable)
        return {
            each.name
            for each in self._all
            if each.name in shares
            or is_canary(each, self._endpoint, served)
            or each.created is None
            or each.created > young
        }

    @property
    def _stable(self) -> str:
        """The name of the deployment that serves; empty if none does."""
        return stable_of(self._endpoint, self._all)

    @property
    def _is_first(self) -> bool:
        """Whether this release has made the endpoint."""
        return self._endpoint is not None and self._endpoint.tags.get(RELEASE_ID) == self._request.release_id

    @property
    def _place(self) -> str:
        return f"endpoint/{self._deployment.service}"

    @property
    def _environment_id(self) -> str:
        return self._workspace.environment_id(bodies.version_of(environment(self._request)))

    def _cause_of(self, error: Mapping[str, Json], what: str) -> Cause:
        return cause_of(error, what, on_kubernetes=self._kind.on_kubernetes)

    def _find(self, name: str) -> OnlineDeployment | None:
        return next((each for each in self._all if each.name == name), None)

    @property
    def _foreign(self) -> str:
        return foreign_traffic(self._endpoint, self._all, self._deployment)

    def _checked(self) -> DeployStep | None:
        """None if the release can come up. Raises the problem before the first request that changes something."""
        found = problem(self._request, self._endpoint, self._all, self._workspace)
        if not found:
            return None
        if not self._is_first and self._find(deployment_name(self._request)) is None:
            raise found
        return self.give_up(Cause(reason=found.message, option=getattr(found, "option", "")))

    def _ready_endpoint(self) -> DeployStep | None:
        """The step until the endpoint is ready; None if it is."""
        operation = self._operations.find(ENDPOINT)
        state = self._endpoint.state if self._endpoint else "not there yet"
        if (operation and operation.is_running) or (self._endpoint and self._endpoint.is_busy):
            return pending("waiting for the endpoint", f"it is {state}", operation)
        is_well = self._endpoint is not None and not self._endpoint.has_failed
        if operation or (self._operations.is_hidden(ENDPOINT) and not is_well):
            self._operations.forget(ENDPOINT)
            return self.give_up(self._cause_of(error_of(operation), "writing the endpoint"))
        if self._endpoint is None:
            return self._put_endpoint({}, "creating the endpoint")
        if self._endpoint.has_failed:  # after an operation that this release did not start
            return self._put_endpoint(self._endpoint.traffic, "repairing the endpoint", self._find(self._stable))
        written = self._context.recorded(_CHANGED) == self._request.release_id  # Azure may not keep each value
        if self.serves and not written and differs(self._kind, self._options, self._endpoint, self._workspace):
            return self._put_endpoint(self._endpoint.traffic, "changing the endpoint", self._find(self._stable))
        return None

    def _put_endpoint(
        self, traffic: Mapping[str, int], phase: str, owner: OnlineDeployment | None = None
    ) -> DeployStep:
        """Write the endpoint with the marks of the deployment that serves, by default those of this release.

        It keeps its settings until this release gets its requests, and without an owner also its marks: they show
        whether a release has served.
        """
        marked = owner or self._endpoint
        marks = marked.marks if marked else self._request.tags
        stable = self._request.stable if self._request.beside else None
        options = (stable or self._deployment).options
        same = self._endpoint if self._endpoint and traffic == self._endpoint.traffic else None
        keep = None if self.serves or stable else same
        mirror = same.mirror if same else {}
        body = bodies.endpoint(self._kind, options, marks, self._workspace, traffic, mirror=mirror, keep=keep)
        self._context.intend(f"{self._place}/{self._request.release}/{'+'.join(traffic)}")
        if self._endpoint is None:
            self._begun.add()
        try:
            started = self._workspace.put_endpoint(self._deployment.service, body)
        except StageFailed as error:
            if _TAKEN.search(error.message):
                raise Refused(error.message, hint="give the target's block another service_name") from error
            if self._find(self._name) is None:
                raise
            return self.give_up(refusal(error, on_kubernetes=self._kind.on_kubernetes))
        if keep is None:
            self._context.record(_CHANGED, self._request.release_id)
        wait = self._operations.keep(ENDPOINT, started)
        return Pending(phase=phase, detail=self._deployment.service, retry_after=wait)

    def _create(self) -> DeployStep:
        self._begun.add()
        try:
            body = uploaded(self._kind, self._request, self._workspace, self._context)
            served = None if self._request.beside else self._find(self._stable)
            body["sku"] |= first_instances(self._kind, self._options, served)
            self._context.intend(f"{self._place}/{self._name}")
            started = self._workspace.put_deployment(self._deployment.service, self._name, body)
        except (StageFailed, BadInput) as error:  # BadInput: the registry of the connection has gone
            return self.give_up(refusal(error, on_kubernetes=self._kind.on_kubernetes))
        wait = self._operations.keep(self._name, started)
        return Pending(phase=_CREATING, detail=self._name, retry_after=wait)

    def _clear(self, keep: Collection[str]) -> Pending | None:
        """The step until our other deployments are deleted."""
        return clear(self._all, keep, self._deployment, self._context, self._operations)
