"""Remove the objects of a service. Objects of others are never touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lading import DeleteStep, Done, Pending

from .failing import Forbidden
from .kinds import unasked
from .options import KINDS
from .owning import canary_name, find, is_ours, keys_name, labels, query

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster


class Found(NamedTuple):
    """Objects by kind and name, and the optional kinds that the account may not look at."""

    objects: list[tuple[str, str]]
    unseen: list[str]


def delete(deployment: Deployment[KubernetesOptions], context: Context, cluster: Cluster) -> DeleteStep:
    """Remove everything but the Service, and wait for the pods. The Service is last, because the status reads it."""
    service = find(cluster, "Service", deployment.service, deployment)
    found = _all(cluster, deployment)
    for kind, name in found.objects:
        context.intend(f"kubernetes/{cluster.namespace}/{kind}/{name}/delete")
        cluster.delete(kind, name)
    if found.objects:
        return Pending(phase="removing", detail=f"{len(found.objects)} objects", retry_after=0.5)
    left = cluster.list("Pod", query(labels(deployment.service)))
    if left:
        return Pending(phase="stopping", detail=f"{len(left)} pods finish their requests")
    if service is None:
        return Done()
    warn_of_unseen(found.unseen, deployment, context)
    context.intend(f"kubernetes/{cluster.namespace}/Service/{deployment.service}/delete")
    cluster.delete("Service", deployment.service)
    return Pending(phase="removing", detail="the Service", retry_after=0.0)


def remove(cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context) -> None:
    """Remove everything but the Service, without waiting."""
    for kind, name in _all(cluster, deployment).objects:
        context.intend(f"kubernetes/{cluster.namespace}/{kind}/{name}/remove")
        cluster.delete(kind, name)


def unwanted(cluster: Cluster, deployment: Deployment[KubernetesOptions]) -> Found:
    """The objects that the options no longer ask for, and the Service of a canary."""
    options, service = deployment.options, deployment.service
    gone = [(kind, service) for kind in unasked(options) if cluster.knows(kind)]
    gone += [("ServiceAccount", service)] if options.service_account else []
    gone += [("Secret", keys_name(service))] if options.auth == "none" else []
    gone += [("Service", canary_name(service))] if cluster.knows("HTTPRoute") else []
    found = Found([], [])
    for kind, name in gone:
        with _seen(kind, options, found.unseen):
            body = cluster.get(kind, name)
            if body is not None and is_ours(body, deployment):
                found.objects.append((kind, name))
    return found


def warn_of_unseen(kinds: Sequence[str], deployment: Deployment, context: Context) -> None:
    """Warn that objects of an earlier release may be left."""
    if kinds:
        context.warn(
            f"the account may not look at {', '.join(kinds)}: if {deployment.service} had one with earlier options, "
            f"it is left, and `kubectl get {','.join(kinds)} {deployment.service}` shows it"
        )


def _all(cluster: Cluster, deployment: Deployment[KubernetesOptions]) -> Found:
    """All objects of the deployment but the Service, without those that are being deleted."""
    marks, found = query(labels(deployment.service)), Found([], [])
    for kind in filter(cluster.knows, KINDS):
        with _seen(kind, deployment.options, found.unseen):
            ours = [each["metadata"] for each in cluster.list(kind, marks) if is_ours(each, deployment)]
            found.objects.extend((kind, each["name"]) for each in ours if not each.get("deletionTimestamp"))
    if ("Service", deployment.service) in found.objects:
        found.objects.remove(("Service", deployment.service))
    return found


@contextmanager
def _seen(kind: str, options: KubernetesOptions, unseen: list[str]) -> Iterator[None]:
    """Note a kind that the account may not look at, if the options need no right on it."""
    try:
        yield
    except Forbidden:
        if kind not in unasked(options):
            raise
        unseen.append(kind)
