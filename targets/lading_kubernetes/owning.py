"""The marks of our objects: names, labels and annotations. An object without them is never changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lading import BadInput, Json, Refused

if TYPE_CHECKING:
    from lading import Deployment

    from .options import KubernetesOptions
    from .rest import Cluster

SERVICE, TARGET, RELEASE_ID = "lading.service", "lading.target", "lading.release-id"
RELEASE = "lading.release"
GROUP = "lading.group"
"""The label of pods with the id of the group of releases that may share the requests: a stable one and its canary."""

PREVIOUS = "lading.previous-release-id"
"""The annotation of a Service with the ids of the releases that it led to before."""

CANARY, WEIGHT = "lading.canary-release-id", "lading.canary-weight"
"""The annotations of a Service with the id of the canary, and its percent of the requests."""

SEEN = "lading.seen"
"""The annotation of a Deployment with the time at which a command last looked at it."""

SWITCHED = "lading.switched"
"""The annotation of a Service with the time at which a deploy last changed the releases that it leads to."""

NAME, MANAGED_BY = "app.kubernetes.io/name", "app.kubernetes.io/managed-by"
OURS = f"{MANAGED_BY}=lading"
"""The selector of all our objects."""

_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SHOWN = 8  # digits of a digest or an id in a name


def check_name(service: str) -> None:
    """Raise BadInput for a service name that Kubernetes does not accept."""
    if not _SERVICE_NAME.fullmatch(service):
        raise BadInput(
            f"Kubernetes does not accept the service name '{service}'",
            hint="use at most 63 small letters, digits and -, and begin with a letter",
            option="service_name",
        )


class Tagged(Protocol):
    """A release with the tags of its objects: the request of a deploy, or `Known`."""

    @property
    def deployment(self) -> Deployment[KubernetesOptions]: ...
    @property
    def release_id(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


class Known(NamedTuple):
    """A release that the cluster has already."""

    deployment: Deployment[KubernetesOptions]
    release_id: str
    tags: Mapping[str, str]


def known(found: Json, deployment: Deployment[KubernetesOptions], release_id: str) -> Known:
    """A release with the tags of one of its objects, or of the Service that leads to it."""
    state = {PREVIOUS, CANARY, WEIGHT, SEEN, SWITCHED}
    ours = {name: value for name, value in tags(found).items() if name.startswith("lading.") and name not in state}
    return Known(deployment, release_id, ours)


def release_name(release: Tagged) -> str:
    """The name of a release's Deployment and Secret."""
    digest, release_id = release.tags["lading.package"][:_SHOWN], release.release_id[:_SHOWN]
    return f"{release.deployment.service[:40].rstrip('-')}-{digest}-{release_id}"


def keys_name(service: str) -> str:
    return f"{service[:58]}-keys"


def canary_name(service: str) -> str:
    """The name of the Service that leads to a canary, if an HTTPRoute splits the requests."""
    return f"{service[:56]}-canary"


def labels(service: str, release_id: str = "") -> dict[str, str]:
    """The labels of an object of a service, and of a release."""
    common = {NAME: service, MANAGED_BY: "lading", "app.kubernetes.io/component": "scoring"}
    return {**common, RELEASE_ID: release_id} if release_id else common


def selector(service: str, release_id: str = "") -> dict[str, str]:
    """The labels that select our pods of a service, or of one release. Pods of others may have the name too."""
    return {NAME: service, **({RELEASE_ID: release_id} if release_id else {MANAGED_BY: "lading"})}


def query(wanted: Mapping[str, str]) -> str:
    """Labels as a selector in an address."""
    return ",".join(f"{name}={value}" for name, value in wanted.items())


def tags(found: Json) -> Mapping[str, str]:
    return found["metadata"].get("annotations") or {}


def release_of(found: Json) -> str:
    """The id of the release that an object belongs to; empty for an object of the whole service."""
    return str((found["metadata"].get("labels") or {}).get(RELEASE_ID, ""))


class Shares(NamedTuple):
    """The ids of the releases that a Service leads to, and the percent of the canary. An id is empty without one."""

    stable: str
    canary: str = ""
    weight: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.stable, self.canary)))

    @property
    def weights(self) -> Mapping[str, int]:
        """The percent of each release."""
        beside = {self.canary: self.weight} if self.canary else {}
        return {self.stable: 100 - self.weight, **beside} if self.stable else beside


def shares_of(service: Json | None) -> Shares:
    """The shares as a Service shows them. Its annotation names the stable release if its selector does not: beside a
    canary, or after a change by hand.
    """
    if service is None:
        return Shares("")
    marks = tags(service)
    if canary := marks.get(CANARY):
        weight = marks.get(WEIGHT, "")
        return Shares(marks.get(RELEASE_ID, ""), canary, int(weight) if weight.isdecimal() else 0)
    selected = (service["spec"].get("selector") or {}).get(RELEASE_ID)
    return Shares(str(selected or marks.get(RELEASE_ID, "")))


def shares_words(service: Json | None) -> str:
    """The releases that a Service leads to, for people. The number is that in the store of the release."""
    shares = shares_of(service)
    if service is None or not shares.stable:
        return "the Service is gone"
    words = f"the Service leads to release {tags(service).get(RELEASE, '?')} ({shares.stable})"
    return f"{words}, and gives release {shares.canary} {shares.weight} % of the requests" if shares.canary else words


def serving(service: Json | None) -> str:
    """The id of the stable release of a Service; empty if there is none."""
    return shares_of(service).stable


def was_led_to(service: Json | None, release_id: str) -> bool:
    """Whether a Service led to a release before."""
    return service is not None and release_id in tags(service).get(PREVIOUS, "").split()


def full(options: KubernetesOptions, serving: Iterable[Json]) -> int:
    """The number of pods that can answer all requests. By load, it is not less than a release that serves has."""
    if options.autoscale is None:
        return options.fewest
    present = (int(each["spec"].get("replicas", 1)) for each in serving)
    return min(options.autoscale.max, max((options.fewest, *present)))


def group_of(found: Json) -> str:
    """The group of the releases that a Deployment may share the requests with."""
    return str(found["spec"]["template"]["metadata"]["labels"].get(GROUP, ""))


def is_ours(found: Json, deployment: Deployment) -> bool:
    marks = tags(found)
    return (marks.get(SERVICE), marks.get(TARGET)) == (deployment.service, deployment.target)


def ours(found: Json | None, deployment: Deployment) -> Json | None:
    """An object of the deployment; None if there is none. Raises Refused if it belongs to something else."""
    if found is None or is_ours(found, deployment):
        return found
    kind, name = found.get("kind", "object"), found["metadata"]["name"]
    owner = tags(found).get(TARGET)
    whose = f"the target '{owner}' of {tags(found).get(SERVICE)} has made it" if owner else "Lading has not made it"
    raise Refused(
        f"the namespace has a {kind} {name} already, and {whose}: it is left alone",
        hint="give the target's block another service_name or namespace",
    )


def find(cluster: Cluster, kind: str, name: str, deployment: Deployment) -> Json | None:
    """Read an object of the deployment. Raises Refused like `ours`."""
    return ours(cluster.get(kind, name), deployment)


def find_all(cluster: Cluster, kind: str, deployment: Deployment) -> list[Json]:
    """All objects of the deployment of a kind that belong to one release each. Items of a list have no kind."""
    found = cluster.list(kind, query(labels(deployment.service)))
    return [{**each, "kind": kind} for each in found if is_ours(each, deployment) and release_of(each)]


def pods_that_serve(cluster: Cluster, deployment: Deployment) -> list[Json]:
    """The pods of the releases that the Service leads to, also of a canary without requests."""
    releases = shares_of(find(cluster, "Service", deployment.service, deployment)).ids
    found = cluster.list("Pod", query(selector(deployment.service))) if releases else []
    return [pod for pod in found if release_of(pod) in releases]


def refuse_foreign(cluster: Cluster, deployment: Deployment[KubernetesOptions]) -> None:
    """Raise Refused if an object of a name that a deploy needs is not ours."""
    options, service = deployment.options, deployment.service
    kinds = ["PodDisruptionBudget", "NetworkPolicy"]
    kinds += [] if options.service_account else ["ServiceAccount"]
    wanted = {"HorizontalPodAutoscaler": options.autoscale, "Ingress": options.ingress, "HTTPRoute": options.route}
    for kind in (*kinds, *(kind for kind, option in wanted.items() if option)):
        find(cluster, kind, service, deployment)
    if options.auth == "key":
        find(cluster, "Secret", keys_name(service), deployment)
    if options.route:
        find(cluster, "Service", canary_name(service), deployment)
