"""Remove the objects of a service. Objects of others are never touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import DeleteStep, Done, Json, Pending

from .kinds import OPTIONAL
from .options import KINDS
from .owning import canary_name, find, is_ours, keys_name, labels, query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster


def delete(deployment: Deployment, context: Context, cluster: Cluster) -> DeleteStep:
    """Remove everything but the Service, and wait for the pods. The Service is last, because the status reads it."""
    service = find(cluster, "Service", deployment.service, deployment)
    found = [each for each in _objects(cluster, deployment) if not each["metadata"].get("deletionTimestamp")]
    for each in found:
        context.intend(f"kubernetes/{cluster.namespace}/{each['kind']}/{each['metadata']['name']}/delete")
        cluster.delete(each["kind"], each["metadata"]["name"])
    if found:
        return Pending(phase="removing", detail=f"{len(found)} objects", retry_after=0.5)
    left = cluster.list("Pod", query(labels(deployment.service)))
    if left:
        return Pending(phase="stopping", detail=f"{len(left)} pods finish their requests")
    if service is None:
        return Done()
    context.intend(f"kubernetes/{cluster.namespace}/Service/{deployment.service}/delete")
    cluster.delete("Service", deployment.service)
    return Pending(phase="removing", detail="the Service", retry_after=0.0)


def remove(cluster: Cluster, deployment: Deployment, context: Context) -> None:
    """Remove everything but the Service, without waiting."""
    for each in _objects(cluster, deployment):
        context.intend(f"kubernetes/{cluster.namespace}/{each['kind']}/{each['metadata']['name']}/remove")
        cluster.delete(each["kind"], each["metadata"]["name"])


def unwanted(cluster: Cluster, deployment: Deployment[KubernetesOptions]) -> Iterator[tuple[str, str]]:
    """The kind and the name of each object that the options no longer ask for, and the Service of a canary."""
    options, service = deployment.options, deployment.service
    asked = dict(zip(OPTIONAL, (options.autoscale, options.ingress, options.route), strict=True))
    gone = [(kind, service) for kind, option in asked.items() if option is None and cluster.knows(kind)]
    gone += [("ServiceAccount", service)] if options.service_account else []
    gone += [("Secret", keys_name(service))] if options.auth == "none" else []
    gone += [("Service", canary_name(service))] if cluster.knows("HTTPRoute") else []
    for kind, name in gone:
        found = cluster.get(kind, name)
        if found is not None and is_ours(found, deployment):
            yield kind, name


def _objects(cluster: Cluster, deployment: Deployment) -> list[Json]:
    """All objects of the deployment but the Service. Items of a list have no kind: it is added."""
    marks = query(labels(deployment.service))
    kinds = [kind for kind in KINDS if cluster.knows(kind)]
    found = [
        {**each, "kind": kind} for kind in kinds for each in cluster.list(kind, marks) if is_ours(each, deployment)
    ]
    return [each for each in found if (each["kind"], each["metadata"]["name"]) != ("Service", deployment.service)]
