"""The cause of a failure, from what the cluster knows about a release and its pods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from lading import Json

from .containers import NOT_STARTED, Container, containers, ending, is_ready, last_end, short, shown
from .keys import KEYS
from .pods import CONTAINER

if TYPE_CHECKING:
    from .rest import Cluster

_NEVER_AN_IMAGE = {"InvalidImageName", "ErrImageNeverPull"}
_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}
_NOT_CREATED = {"CreateContainerConfigError", "CreateContainerError"}
_NOT_PREPARED = {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"}
_PREPARED = {"SuccessfulAttachVolume", "Pulling", "Pulled", "Created", "Started"}
_BEING_PREPARED = {"ContainerCreating", "PodInitializing"}
_NODE_ADDED = {"TriggeredScaleUp", "Nominated"}  # by the Cluster Autoscaler, by Karpenter
_NODE_PATIENCE = 60.0  # seconds until a pod without a node has failed, unless the cluster adds a node
_REQUESTED = re.compile(r"\brequested: ([^=,]+)=")
_LIMIT_RANGE = re.compile(r"\b(?:maximum|minimum) (\S+) usage per |(\S+) max limit to request ratio per ")
_PATIENCE = 20.0  # seconds until a state has failed that may pass, such as a registry that does not answer
_DISK_PATIENCE = 120.0  # seconds until a disk cannot be attached, which a cloud first detaches from another node


class Cause(NamedTuple):
    """Why a release does not come up. `option` is the key of the target's block to change; `pod` has a log of its
    `container`.
    """

    reason: str
    option: str = ""
    pod: str = ""
    container: str = CONTAINER


class Events:
    """The events of the pods of a namespace. They are read once, and only if a cause needs them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def of(self, pod: str) -> list[Json]:
        """The events of a pod by their order. Times may be missing, but the versions grow."""
        return [event for event in self._all if event["involvedObject"].get("name") == pod]

    @cached_property
    def _all(self) -> list[Json]:
        found = self._cluster.list("Event", fields="involvedObject.kind=Pod")
        return sorted(found, key=lambda event: int(event["metadata"].get("resourceVersion") or 0))

    def seconds_since(self, time: str | None) -> float:
        """The seconds since a time of the cluster, by the clock of the cluster; 0 without a time."""
        return (self._cluster.now - datetime.fromisoformat(time)).total_seconds() if time else 0.0


def cause(cluster: Cluster, deployment: Json, pods: Sequence[Json]) -> Cause | None:
    """The cause of a failure that waiting does not repair; None while the release may still come up."""
    events = Events(cluster)
    of_pods = chain.from_iterable(_of_pod(events, pod) for pod in pods)
    return next(chain(_of_deployment(events, deployment), of_pods), None) or _too_late(events, deployment, pods)


def _of_pod(events: Events, pod: Json) -> Iterator[Cause]:
    """The causes of one pod."""
    status, name = pod.get("status") or {}, pod["metadata"]["name"]
    if status.get("phase") == "Failed":  # evicted, or refused by the node
        yield Cause(f"the pod {name} has failed: {status.get('reason', '')} {short(status.get('message'))}".strip())
    yield from _no_node(events, pod)
    yield from _not_prepared(events, pod)
    for container in containers(pod):
        yield from _of_container(events, pod, container)


def _of_container(events: Events, pod: Json, container: Container) -> Iterator[Cause]:
    """The causes of one container. Only a patch or a rule of the cluster adds others to ours."""
    waiting = (container.state.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason")
    if reason in _NO_IMAGE | _NOT_CREATED and not _lasts(events, pod):
        return
    found = None
    if reason in _NO_IMAGE | _NEVER_AN_IMAGE:
        found = _no_image(events, pod["metadata"]["name"], waiting, container.state.get("image", ""))
    elif reason in _NOT_CREATED:
        found = Cause(f"{container.title} cannot be created: {short(waiting.get('message'))}", "patch")
    elif reason == "RunContainerError":
        found = Cause(f"{container.title} could not be started: {short(waiting.get('message'))}", "patch")
    elif (container.is_ours or reason == "CrashLoopBackOff") and (ended := last_end(container.state)):
        found = _ended(events, pod["metadata"]["name"], container, ended)
    if found:
        yield found if container.is_ours else found._replace(option="patch")


def _not_prepared(events: Events, pod: Json) -> Iterator[Cause]:
    """The cause of a pod that has its node, and whose containers wait because of a volume or the network."""
    scheduled = _scheduled(pod)
    if scheduled is None or events.seconds_since(scheduled) < _PATIENCE:
        return
    if not all(map(_waits_for_node, containers(pod))):
        return
    seen = [event for event in events.of(pod["metadata"]["name"]) if event.get("reason") in _NOT_PREPARED | _PREPARED]
    failed = [event for event in seen if event["reason"] in _NOT_PREPARED]
    is_disk = any(event["reason"] == "FailedAttachVolume" for event in failed)
    patience = _DISK_PATIENCE if is_disk else _PATIENCE
    if not failed or seen[-1]["reason"] in _PREPARED or events.seconds_since(_first(failed)) < patience:
        return
    said = [str(event.get("message")) for event in failed]
    message = next((each for each in reversed(said) if "timed out" not in each), said[-1])
    option = "auth" if f'volume "{KEYS}"' in message else "patch" if "olume" in message else ""
    yield Cause(f"the node cannot prepare the pod {pod['metadata']['name']}: {short(message)}", option)


def _waits_for_node(container: Container) -> bool:
    """Whether a container still waits for the volumes and the network of its pod."""
    return ((container.state.get("state") or {}).get("waiting") or {}).get("reason") in _BEING_PREPARED


def _scheduled(pod: Json) -> str | None:
    """The time at which a pod got its node."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    times = (each.get("lastTransitionTime") for each in conditions if each["type"] == "PodScheduled")
    return next(times, None)


def _first(seen: Sequence[Json]) -> str | None:
    """The time of the first of some events."""
    return min(filter(None, (each.get("firstTimestamp") or each.get("eventTime") for each in seen)), default=None)


def _lasts(events: Events, pod: Json) -> bool:
    """Whether a state that may pass has lasted too long: since its first event, or else since the pod has a node."""
    failed = [event for event in events.of(pod["metadata"]["name"]) if event.get("reason") == "Failed"]
    return events.seconds_since(_first(failed) or _scheduled(pod)) >= _PATIENCE


def progress(deployment: Json, pods: Sequence[Json]) -> tuple[str, str]:
    """The phase of a release that comes up, and its detail."""
    wanted, ready = deployment["spec"].get("replicas", 1), sum(map(is_ready, pods))
    if not pods or not all((pod.get("spec") or {}).get("nodeName") for pod in pods):
        return "scheduling", f"{wanted} pods" if wanted > 1 else "the pod"
    if any(not (container.get("started") or container.get("containerID")) for pod in pods for container in shown(pod)):
        return "pulling", "the image"
    return ("ready" if ready else "starting"), f"{ready} of {wanted} pods"


def is_complete(deployment: Json) -> bool:
    """Whether all pods of a Deployment are ready, and the cluster has seen its newest content."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = (status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas"))
    return seen and all(count == wanted for count in counts)


def _of_deployment(events: Events, deployment: Json) -> Iterator[Cause]:
    """A pod that may not be created shows only here: a quota, an admission rule, a missing ServiceAccount."""
    for each in (deployment.get("status") or {}).get("conditions") or ():
        if each["type"] != "ReplicaFailure" or each["status"] != "True":
            continue
        if events.seconds_since(each.get("lastTransitionTime")) >= _PATIENCE:
            yield Cause(
                f"the cluster refuses its pods: {short(each.get('message'))}", _refused_option(str(each.get("message")))
            )


def _refused_option(message: str) -> str:
    """The option that the words of a refusal of pods are about."""
    if 'serviceaccount "' in message:
        return "service_account"
    if "PriorityClass" in message:
        return "priority_class"
    if "exceeded quota" in message or "must specify" in message:
        asked = _REQUESTED.search(message)
        return _amount_option(asked[1]) if asked else "resources"
    limit = _LIMIT_RANGE.search(message)
    return _amount_option(limit[1] or limit[2]) if limit else "patch"


def _amount_option(name: str) -> str:
    """The option for an amount of a quota or a LimitRange, such as `requests.memory` or `pods`."""
    amount = name.removeprefix("requests.").removeprefix("limits.")
    if amount in ("pods", "count/pods"):
        return "replicas"
    return amount if amount in ("cpu", "memory") else "resources"


def _no_node(events: Events, pod: Json) -> Iterator[Cause]:
    status = pod.get("status") or {}
    for each in status.get("conditions") or ():
        if each["type"] != "PodScheduled" or each["status"] != "False" or each.get("reason") != "Unschedulable":
            continue
        if events.seconds_since(each.get("lastTransitionTime")) < _NODE_PATIENCE or status.get("nominatedNodeName"):
            continue
        if any(event.get("reason") in _NODE_ADDED for event in events.of(pod["metadata"]["name"])):
            continue
        message = short(each.get("message"))
        yield Cause(f"no node has room for a pod: {message}", _unschedulable_option(message, pod["spec"]))


def _unschedulable_option(message: str, spec: Json) -> str:
    known = {"Insufficient cpu": "cpu", "Insufficient memory": "memory", "Insufficient": "resources"}
    known |= {"taint": "tolerations", "affinity": "node_selector" if spec.get("nodeSelector") else "affinity"}
    return next((option for part, option in known.items() if part in message), "")


def _no_image(events: Events, pod: str, waiting: Json, image: str) -> Cause:
    """The event names the cause of a failed pull; the state of the container mostly does not."""
    reason = waiting["reason"]
    if reason == "ErrImageNeverPull":
        return Cause(f"the node does not have the image {image}, and may not pull it", "image_pull_policy")
    if reason == "InvalidImageName":
        return Cause(f"the image has no valid name: {short(waiting.get('message'))}")
    failed = [event for event in events.of(pod) if event.get("reason") == "Failed"]
    said = next((m for event in failed if "pull image" in (m := str(event.get("message")))), waiting.get("message"))
    return Cause(f"the node cannot pull the image {image}: {short(said)}", "image_pull_secrets")


def _ended(events: Events, pod: str, container: Container, ended: Json) -> Cause:
    """How a container ended, or the probe because of which the node has ended it."""
    place = (pod, container.name)
    if ended.get("reason") == "OOMKilled":
        return Cause(f"{container.title} {ending(ended)}", "memory", *place)
    if ended.get("reason") in NOT_STARTED:
        return Cause(f"{container.title} {ending(ended)}", "patch", *place)
    seen = [event for event in events.of(pod) if container.may_concern(event)]
    killing = [str(event.get("message")) for event in seen if event.get("reason") == "Killing"]
    if not any("probe" in message for message in killing):
        return Cause(f"{container.title} {ending(ended)}", "", *place)
    option = "start_timeout" if any("startup probe" in message for message in killing) else ""
    return Cause(f"{container.title} was ended by the node: {_unhealthy(seen) or 'a probe failed'}", option, *place)


def _too_late(events: Events, deployment: Json, pods: Sequence[Json]) -> Cause | None:
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    if not any(each.get("reason") == "ProgressDeadlineExceeded" for each in conditions):
        return None
    limit, ready = deployment["spec"].get("progressDeadlineSeconds"), sum(map(is_ready, pods))
    late = next((pod["metadata"]["name"] for pod in pods if not is_ready(pod)), "")
    said = _unhealthy(events.of(late)) if late else ""
    reason = f"{ready} of {deployment['spec'].get('replicas', 1)} pods were ready after {limit} s"
    return Cause(f"{reason}{said and f': {said}'}", "ready_timeout", late)


def _unhealthy(seen: Sequence[Json]) -> str:
    """The last message of a failed probe; empty if none has failed."""
    said = [str(event.get("message")) for event in seen if event.get("reason") == "Unhealthy"]
    return short(said[-1]) if said else ""
