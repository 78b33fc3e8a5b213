"""One step of a deploy: bring up the pods of a release beside the old ones, then move the Service to them.

Each release has a Deployment with separate labels, so nobody sends requests to it before it is accepted. The selector
of the Service decides which release serves. Each step reads only the cluster. So the next command continues one that
was killed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lading import Candidate, DeployStep, Failed, Json, LadingError, OutcomeUnknown, Pending, Ready, Transient

from . import objects, pods
from .changing import Changes
from .containers import is_ready
from .creating import create, refuse_other_keys, warn_of_the_limit
from .drift import remember_release
from .failing import Unauthorized
from .judging import Cause, cause, is_complete, progress
from .owning import (
    SWITCHED,
    Shares,
    check_name,
    find,
    find_all,
    full,
    group_of,
    known,
    query,
    refuse_foreign,
    release_name,
    release_of,
    selector,
    shares_of,
    was_led_to,
)
from .removing import unwanted, warn_of_unseen
from .rivals import age, led_before, mark, may_be_of_others, refuse_a_second_canary, refuse_a_second_switch
from .undoing import Undo

if TYPE_CHECKING:
    from lading import Context, DeployRequest

    from .options import KubernetesOptions
    from .rest import Cluster

_POLL_INTERVAL = 0.5  # seconds
_SETTLE = 3.0  # seconds in which all nodes learn where the Service leads
_ADDRESS_LIMIT = 180.0  # seconds that a load balancer may take to get an address


def step(request: DeployRequest[KubernetesOptions], context: Context, cluster: Cluster) -> DeployStep:
    """The next step of `request.release`. It removes the release after an error that the same command cannot pass.

    Raises OutcomeUnknown if the credentials are not accepted, so that the same command continues the release.
    """
    check_name(request.deployment.service)
    try:
        return _next_or_leave(request, Release(request, context, cluster))
    except Unauthorized as error:  # the objects stay, and a new release would take them for those of another command
        raise OutcomeUnknown(error.message, hint=f"{error.hint}; then run the same command again") from error


def _next_or_leave(request: DeployRequest[KubernetesOptions], release: Release) -> DeployStep:
    try:
        return _next(request, release)
    except (OutcomeUnknown, Transient, Unauthorized):
        raise
    except LadingError:
        with suppress(LadingError):  # the first failure is more important
            release.leave()
        raise


def _next(request: DeployRequest[KubernetesOptions], release: Release) -> DeployStep:
    if request.verdict is not None and not request.verdict.up:
        return release.give_up(Cause(request.verdict.reason))
    if request.verdict is None and not (release.serves and release.exists):
        return release.bring_up()
    return release.stand_beside() if release.is_canary else release.promote()


class Release:
    """A release during its deploy, and the Service of its deployment."""

    def __init__(self, request: DeployRequest[KubernetesOptions], context: Context, cluster: Cluster) -> None:
        self._request, self._context, self._cluster = request, context, cluster
        self._deployment = request.deployment
        self._service = find(cluster, "Service", request.deployment.service, request.deployment)
        self._name = release_name(request)
        self._found = find(cluster, "Deployment", self._name, request.deployment)
        self._shares = shares_of(self._service)
        self._changes = Changes(request.deployment, context, cluster, str(request.release))
        self._undo = Undo(request, context, cluster)

    @property
    def serves(self) -> bool:
        """Whether this is the stable release of the Service."""
        return self._shares.stable == self._request.release_id

    @property
    def exists(self) -> bool:
        return self._found is not None

    @property
    def is_canary(self) -> bool:
        """Whether the release belongs beside another one."""
        return self._request.beside and bool(self._shares.stable) and not self.serves

    def bring_up(self) -> DeployStep:
        """Create the release, or wait for its pods."""
        found = self._found
        if self.is_canary and self._shares.weight:
            refuse_a_second_canary(self._request, self._service, self._releases())
        if found is None:
            refuse_foreign(self._cluster, self._deployment)
            if self.is_canary and self._shares.canary:
                return self._move(Shares(self._shares.stable), "removing the canary before")
            warn_of_the_limit(self._deployment.options, self._context)
            if stable := self._stable():
                refuse_other_keys(self._deployment.options, stable)
            self._clear()
            create(
                self._request,
                self._changes,
                self._context,
                self._cluster,
                pods.deployment(self._request, self._replicas(), self._group()),
            )
            return Pending(phase="creating", detail=self._name, retry_after=_POLL_INTERVAL)
        mark(self._cluster, found)
        seen = self._pods()
        wrong = cause(self._cluster, found, seen)
        if wrong is not None:
            return self.give_up(wrong)
        ready = [pod for pod in seen if is_ready(pod)]
        if is_complete(found) and ready:
            return Candidate(uri=self._cluster.proxy("Pod", f"{ready[0]['metadata']['name']}:{pods.PORT}"))
        return _pending(found, seen)

    def promote(self) -> DeployStep:
        """Move the Service to the release, then remove the others. Their pods finish their requests first."""
        if not self.exists:
            return Failed(reason=f"another command has removed {self._name}")
        if not self.serves:
            return self._take_over()
        if waiting := self._wait_for_a_pod():
            return waiting
        for body in objects.stable(self._request, self._cluster):
            self._changes.apply(body)
        self._clear()  # until then, the release before may get the requests again, and needs all of its objects
        gone = unwanted(self._cluster, self._deployment)
        for kind, name in gone.objects:
            self._changes.delete(kind, name)
        if self._waits_for_address():
            return Pending(phase="waiting for the address of the load balancer", retry_after=1.0)
        warn_of_unseen(gone.unseen, self._deployment, self._context)
        assert self._service is not None, "a release that serves has a Service"
        remember_release(self._context, self._cluster, self._deployment, self._found, self._service)
        return Ready()

    def _wait_for_a_pod(self) -> DeployStep | None:
        """Wait until a pod of the release that serves is ready. Another program may have removed all of them."""
        assert self._found is not None, "a release that does not exist cannot be promoted"
        if is_complete(self._found):
            return None
        seen = self._pods()
        if any(map(is_ready, seen)):
            return None
        wrong = cause(self._cluster, self._found, seen)
        return self._move_back(wrong) if wrong else _pending(self._found, seen)

    def _move_back(self, wrong: Cause) -> DeployStep:
        """Give the requests back to the release before, if it has a pod that is ready, and remove this one."""
        before = led_before(self._cluster, self._service, self._releases())
        if before is None:
            return self._undo.failed(wrong, self._pods())
        self._undo.move_back(before, self._service)
        self._shares = Shares(release_of(before))
        return self.give_up(wrong)

    def _take_over(self) -> DeployStep:
        """Move the Service to the release, unless an earlier step has undone that, and its reply was lost."""
        assert self._found is not None, "a release that does not exist cannot be promoted"
        if was_led_to(self._service, self._request.release_id):
            wrong = cause(self._cluster, self._found, self._pods())
            if wrong is not None:
                return self.give_up(wrong)
        refuse_a_second_switch(self._request, self._service)
        return self._switch(Shares(self._request.release_id), f"to release {self._request.release}")

    def stand_beside(self) -> DeployStep:
        """Make the release the canary of the Service, without requests."""
        if not self.exists:
            return Failed(reason=f"another command has removed {self._name}")
        if self._shares.canary == self._request.release_id:
            self._clear()
            return Ready()
        beside = Shares(self._shares.stable, self._request.release_id)
        return self._switch(beside, f"release {self._request.release} stands beside")

    def _switch(self, shares: Shares, detail: str) -> DeployStep:
        """Change the Service if all pods of the release are still ready."""
        step = self.bring_up()
        return self._move(shares, detail) if isinstance(step, Candidate) else step

    def _move(self, shares: Shares, detail: str) -> DeployStep:
        """Change the releases that the Service leads to. Two commands never do so at the same time."""
        is_stable, service, changes = shares.stable == self._shares.stable, self._service, self._changes
        if is_stable and service:
            stable = self._request.stable or self._deployment
            changes = Changes(stable, self._context, self._cluster, str(self._request.release))
            body = objects.service(known(service, stable, shares.stable), service, shares)
        else:
            body = objects.service(self._request, service, shares)
        body["metadata"]["annotations"][SWITCHED] = self._cluster.now.isoformat()
        changes.apply_service(body, service)
        return Pending(phase="switching", detail=detail, retry_after=_SETTLE)

    def give_up(self, wrong: Cause) -> DeployStep:
        """Remove the release. The one that served before continues."""
        if self._shares.canary == self._request.release_id:
            return self._move(Shares(self._shares.stable), "to the stable release")
        failed = self._undo.failed(wrong, self._pods())
        self._undo.remove()
        return replace(failed, gone=True)

    def leave(self) -> None:
        """Remove the release after an error, unless the Service leads to it now."""
        shares = shares_of(find(self._cluster, "Service", self._deployment.service, self._deployment))
        if self._request.release_id not in shares.ids:
            self._undo.remove()

    def _pods(self) -> list[Json]:
        labels = query(selector(self._deployment.service, self._request.release_id))
        return self._cluster.list("Pod", labels)

    def _replicas(self) -> int:
        """One pod for a canary, else as many as the old release has if an autoscaler has added some."""
        if self.is_canary:
            return 1
        weights = self._shares.weights
        return full(self._deployment.options, (each for each in self._releases() if weights.get(release_of(each))))

    def _group(self) -> str:
        stable = self._stable()
        return group_of(stable) if stable else ""

    def _stable(self) -> Json | None:
        """The Deployment of the stable release beside a canary."""
        if not self.is_canary:
            return None
        return next((each for each in self._releases() if release_of(each) == self._shares.stable), None)

    def _releases(self) -> list[Json]:
        """The Deployments of all releases, if the Service leads to one."""
        return find_all(self._cluster, "Deployment", self._deployment) if self._shares.stable else []

    def _clear(self) -> None:
        """Remove the old release and remains of earlier attempts, but not a release that another command brings up.

        Nothing is removed if the Service does not show which release serves.
        """
        if self._service is not None and not self._shares.stable:
            return
        kept = {self._request.release_id, *self._shares.ids}
        for kind in ("Deployment", "Secret"):
            for found in find_all(self._cluster, kind, self._deployment):
                if release_of(found) not in kept and not may_be_of_others(self._cluster, self._service, found):
                    self._changes.delete(kind, found["metadata"]["name"])

    def _waits_for_address(self) -> bool:
        """Whether a load balancer has no address yet, soon after the switch. Some clusters never give one."""
        if self._deployment.options.service_type != "LoadBalancer" or self._service is None:
            return False
        if (self._service["status"].get("loadBalancer") or {}).get("ingress"):
            return False
        if age(self._cluster, self._service) < _ADDRESS_LIMIT:
            return True
        self._context.warn("the cluster has given the Service no load balancer: `service_type: NodePort` needs none")
        return False


def _pending(found: Json, seen: list[Json]) -> Pending:
    phase, detail = progress(found, seen)
    return Pending(phase=phase, detail=detail, retry_after=_POLL_INTERVAL)
