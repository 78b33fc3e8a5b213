"""One step of a shift: give each of the two releases of a service its share of the requests.

A route splits the requests between two Services. Otherwise the selector of the Service decides: it names one release,
or the group of both, whose numbers of pods then split the requests. Each step reads only the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lading import Done, Failed, Pending, ShiftStep

from . import objects
from .changing import Changes
from .containers import is_ready
from .drift import remember, remember_release
from .judging import Cause, cause, is_complete, progress
from .logs import last_words
from .owning import (
    GROUP,
    Known,
    Shares,
    find,
    find_all,
    full,
    group_of,
    known,
    query,
    release_of,
    selector,
    shares_of,
    was_led_to,
)
from .removing import unwanted, warn_of_unseen
from .sharing import pods_for, split_words, weight_in_route

if TYPE_CHECKING:
    from lading import Context, Json, ShiftRequest

    from .options import KubernetesOptions
    from .rest import Cluster

_POLL_INTERVAL = 0.5  # seconds
_SETTLE = 3.0  # seconds in which all nodes learn where the Service leads
_NEW_POD = 60.0  # seconds in which an abort waits for a pod to become ready


def step(request: ShiftRequest[KubernetesOptions], context: Context, cluster: Cluster) -> ShiftStep:
    """The next step towards `request.shares`. A release without a share finishes its requests and leaves."""
    shift = Shift(request, context, cluster)
    if problem := shift.problem():
        return Failed(reason=problem)
    return shift.clear_group() or shift.scale_up() or shift.move() or shift.finish()


class Shift:
    """The present and the wanted shares of a service."""

    def __init__(self, request: ShiftRequest[KubernetesOptions], context: Context, cluster: Cluster) -> None:
        self._request, self._context, self._cluster = request, context, cluster
        self._deployment, self._options = request.deployment, request.deployment.options
        self._service = find(cluster, "Service", request.deployment.service, request.deployment)
        self._found = {release_of(each): each for each in find_all(cluster, "Deployment", request.deployment)}
        self._now = shares_of(self._service)
        self._wanted = _wanted(request, self._now)
        self._changes = Changes(request.deployment, context, cluster, f"shift/{self._wanted.weight}")

    def problem(self) -> str:
        """Why the shares cannot be given. Empty if they can."""
        shares, options = self._request.shares, self._options
        for share in shares:
            if share.release_id not in self._now.ids or share.release_id not in self._found:
                return f"release {share.release_id} does not serve"
        if sum(share.weight for share in shares) != 100:
            return "the weights do not add up to 100"
        if any(share.shadow for share in shares):
            return "on Kubernetes, a canary gets no copies of requests: give it a weight"
        if options.route or self._wanted.weight in (0, 100):
            return ""
        if options.autoscale:
            return "`autoscale` changes the numbers of pods, so without `route` a canary gets 0 or 100 %"
        groups = {group_of(self._found[release_id]) for release_id in self._wanted.ids}
        return "" if len(groups) == 1 and "" not in groups else "the releases have no common group of pods"

    def clear_group(self) -> ShiftStep | None:
        """Remove releases that the shift does not name, and whose pods would get requests. None if there are none.

        An interrupted command leaves them, or another command brings one up that has not answered yet.
        """
        group = group_of(self._found[self._wanted.stable])
        if self._options.route or self._wanted.weight in (0, 100) or not group:
            return None
        for kind, name in self._others():
            self._changes.delete(kind, name)
        pods = self._cluster.list("Pod", query({**selector(self._deployment.service), GROUP: group}))
        others = [pod["metadata"] for pod in pods if release_of(pod) not in self._wanted.ids]
        left = [each["name"] for each in others if not each.get("deletionTimestamp")]
        if left:
            return Pending(phase="removing", detail=f"{', '.join(left)} of other releases", retry_after=_POLL_INTERVAL)
        return None

    def scale_up(self) -> ShiftStep | None:
        """Add the pods that a release lacks for its share, and wait for them. None if all are there."""
        more = {each: count for each, count in self._pods(self._wanted).items() if self._replicas(each) < count}
        for release_id, count in more.items():
            self._changes.scale(self._name(release_id), count)
        if more:
            return Pending(phase="scaling", detail=f"{max(more.values())} pods", retry_after=_POLL_INTERVAL)
        for release_id, weight in self._wanted.weights.items():
            if weight and (waiting := self._wait(release_id)):
                return waiting
        return None

    def move(self) -> ShiftStep | None:
        """Let the Service and the route lead to the releases with a share. None if they do."""
        assert self._service is not None, "a service without a Service has a problem"
        stable, wanted = self._stable(), self._wanted
        body = objects.service(stable, self._service, wanted, group_of(self._found[wanted.stable]))
        leads_there = self._now == wanted and body["spec"]["selector"] == self._service["spec"].get("selector")
        if leads_there and self._is_routed():
            return None
        if self._options.route and wanted.canary:
            self._changes.apply(objects.canary_service(stable, wanted.canary))
        if not leads_there:
            remember(self._context, self._changes.apply_service(body, self._service))
        if self._options.route:
            self._changes.apply(objects.route(stable, wanted))
        if words := self._split():
            self._context.warn(words)
        return Pending(phase="switching", detail="the requests", retry_after=_SETTLE)

    def _is_routed(self) -> bool:
        """Whether the route splits the requests as wanted, if there is one."""
        if self._options.route is None:
            return True
        name, wanted = self._deployment.service, self._wanted
        weight = weight_in_route(self._cluster.get("HTTPRoute", name), name)
        return weight == (wanted.weight if wanted.canary else None)

    def finish(self) -> ShiftStep:
        """Remove the pods without a share, and the objects of a release without one."""
        if self._wanted.canary:
            self._scale_down(self._wanted)
            return Done()
        stable = self._stable()
        for body in objects.stable(stable, self._cluster):
            self._changes.apply(body)
        gone = unwanted(self._cluster, self._deployment)
        for kind, name in (*gone.objects, *self._others()):
            self._changes.delete(kind, name)
        warn_of_unseen(gone.unseen, self._deployment, self._context)
        assert self._service is not None, "a service without a Service has a problem"
        release = self._found[stable.release_id]
        remember_release(self._context, self._cluster, self._deployment, release, self._service)
        return Done()

    def _stable(self) -> Known:
        return known(self._found[self._wanted.stable], self._deployment, self._wanted.stable)

    def _pods(self, shares: Shares) -> Mapping[str, int]:
        """The number of pods of each release that has one of the shares."""
        serving = (self._found[each] for each, weight in self._now.weights.items() if weight and each in self._found)
        count = full(self._options, serving)
        if not shares.canary:
            return {shares.stable: count}
        pods = pods_for(shares.weight, count, by_route=self._options.route is not None)
        return {shares.stable: pods.stable, shares.canary: pods.canary}

    def _scale_down(self, shares: Shares) -> None:
        """Remove the pods beyond the shares of the releases. The autoscaler does this for the stable release."""
        for release_id, count in self._pods(shares).items():
            is_scaled_by_load = self._options.autoscale is not None and release_id == shares.stable
            is_there = release_id in self._found  # another program may have removed its Deployment
            if is_there and self._replicas(release_id) > count and not is_scaled_by_load:
                self._changes.scale(self._name(release_id), count)

    def _split(self) -> str:
        """How the pods split the requests, if not exactly."""
        if self._options.route or not self._wanted.canary:
            return ""
        pods = self._pods(self._wanted)
        return split_words(self._wanted.weight, pods[self._wanted.stable], pods[self._wanted.canary])

    def _wait(self, release_id: str) -> ShiftStep | None:
        """Wait for the pods of a release. None if they are ready."""
        found = self._found[release_id]
        if is_complete(found):
            return None
        seen = self._cluster.list("Pod", query(selector(self._deployment.service, release_id)))
        wrong = cause(self._cluster, found, [pod for pod in seen if _is_coming(pod)])
        if self._leaves_the_canary and self._has_waited(found, seen, wrong):
            return None
        if wrong:
            return self._give_up(wrong)
        phase, detail = progress(found, seen)
        return Pending(phase=phase, detail=detail, retry_after=_POLL_INTERVAL)

    def _give_up(self, wrong: Cause) -> Failed:
        """Leave the shares as they are, without the pods that the shift has added."""
        log = last_words(self._cluster, wrong.pod, wrong.container) if wrong.pod else ""
        self._scale_down(self._now)
        return Failed(reason=wrong.reason, log=log)

    @property
    def _leaves_the_canary(self) -> bool:
        """Whether the stable release gets all requests again."""
        return self._wanted.weights.get(self._now.stable) == 100

    def _has_waited(self, found: Json, seen: Sequence[Json], wrong: Cause | None) -> bool:
        """Whether an abort waits no longer for all pods of the stable release, because it has some that are ready."""
        wanted, status = found["spec"].get("replicas", 1), found.get("status") or {}
        is_made = status.get("replicas", 0) >= wanted
        is_late = is_made and not any(self._is_new(pod) for pod in seen if not is_ready(pod))
        return any(map(is_ready, seen)) and (wrong is not None or is_late)

    def _is_new(self, pod: Json) -> bool:
        made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
        return (self._cluster.now - made).total_seconds() < _NEW_POD

    def _others(self) -> Iterator[tuple[str, str]]:
        """The Deployments and Secrets of releases that had a share, and of a canary that has not got one."""
        named, group = self._wanted.ids, group_of(self._found[self._wanted.stable])
        gone = {each for each, found in self._found.items() if each not in named and group_of(found) == group != ""}
        for kind in ("Deployment", "Secret"):
            for found in find_all(self._cluster, kind, self._deployment):
                release_id = release_of(found)
                if release_id in gone or (release_id not in named and was_led_to(self._service, release_id)):
                    yield kind, found["metadata"]["name"]

    def _name(self, release_id: str) -> str:
        return str(self._found[release_id]["metadata"]["name"])

    def _replicas(self, release_id: str) -> int:
        return int(self._found[release_id]["spec"].get("replicas", 1))


def _wanted(request: ShiftRequest[KubernetesOptions], now: Shares) -> Shares:
    """The wanted shares. A release that has all alone is the stable one."""
    if len(request.shares) == 1:
        return Shares(request.shares[0].release_id)
    weight = next((share.weight for share in request.shares if share.release_id == now.canary), 0)
    return Shares(now.stable, now.canary, weight)


def _is_coming(pod: Json) -> bool:
    """Whether a pod may still get ready. One that is ready, or was evicted, may have failed long before the shift."""
    return not is_ready(pod) and (pod.get("status") or {}).get("phase") != "Failed"
