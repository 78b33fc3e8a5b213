"""The objects of a service that stay from release to release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import Json

from .keys import encoded
from .owning import (
    CANARY,
    GROUP,
    PREVIOUS,
    RELEASE_ID,
    WEIGHT,
    Shares,
    canary_name,
    release_name,
    selector,
    shares_of,
)
from .pods import PORT, metadata, secret_values

if TYPE_CHECKING:
    from lading import DeployRequest

    from .options import KubernetesOptions
    from .owning import Tagged
    from .rest import Cluster

    Request = DeployRequest[KubernetesOptions]

SERVICE_PORT = 80


def account(release: Tagged) -> Json:
    """A ServiceAccount without a token."""
    made = metadata(release, release.deployment.service)
    return {"kind": "ServiceAccount", "metadata": made, "automountServiceAccountToken": False}


def values(request: Request) -> Json | None:
    """The Secret with the values of a release that come from variables; None if there are none."""
    hidden = secret_values(request)
    if not hidden:
        return None
    return {
        "kind": "Secret",
        "metadata": metadata(request, release_name(request), request.release_id),
        "type": "Opaque",
        "data": {name: encoded(value) for name, value in hidden.items()},
    }


def service(release: Tagged, before: Json | None = None, shares: Shares | None = None, group: str = "") -> Json:
    """The Service of a stable release. Its selector decides which releases get the requests.

    `shares` has a canary of the same `group`. After `before`, it is applied only if nobody has changed the Service
    meanwhile, and it names the releases before.
    """
    options, name = release.deployment.options, release.deployment.service
    shares = shares or Shares(release.release_id)
    port = {"name": "http", "port": SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}
    if options.node_port:
        port["nodePort"] = options.node_port
    marks = metadata(release, name)
    if shares.canary:
        marks["annotations"] |= {RELEASE_ID: shares.stable, CANARY: shares.canary, WEIGHT: str(shares.weight)}
    if before is not None:
        marks["resourceVersion"] = before["metadata"]["resourceVersion"]
        marks["annotations"][PREVIOUS] = " ".join(sorted({*shares_of(before).ids} - {*shares.ids}))
    return {
        "kind": "Service",
        "metadata": marks,
        "spec": {"type": options.service_type, "selector": _leads_to(release, shares, group), "ports": [port]},
    }


def _leads_to(release: Tagged, shares: Shares, group: str) -> dict[str, str]:
    """The labels of the pods that get requests. A route splits the requests before they reach the Service."""
    name = release.deployment.service
    if release.deployment.options.route or shares.weight == 0:
        return selector(name, shares.stable)
    return selector(name, shares.canary) if shares.weight == 100 else {**selector(name), GROUP: group}


def canary_service(release: Tagged, canary: str) -> Json:
    """The Service that only the route leads to."""
    name = release.deployment.service
    port = {"name": "http", "port": SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}
    return {
        "kind": "Service",
        "metadata": metadata(release, canary_name(name)),
        "spec": {"type": "ClusterIP", "selector": selector(name, canary), "ports": [port]},
    }


def stable(release: Tagged, cluster: Cluster) -> Iterator[Json]:
    """The objects around the Service."""
    options = release.deployment.options
    yield _budget(release)
    yield _policy(release)
    if options.autoscale:
        yield _autoscaler(release, cluster)
    if options.ingress:
        yield _ingress(release)
    if options.route:
        yield route(release)


def _budget(release: Tagged) -> Json:
    """While nodes are drained, at most one pod at a time is missing."""
    name = release.deployment.service
    return {
        "kind": "PodDisruptionBudget",
        "metadata": metadata(release, name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(name)}},
    }


def _policy(release: Tagged) -> Json:
    """Nothing but the port of the service is reachable."""
    name = release.deployment.service
    return {
        "kind": "NetworkPolicy",
        "metadata": metadata(release, name),
        "spec": {
            "podSelector": {"matchLabels": selector(name)},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}]}],
        },
    }


def _autoscaler(release: Tagged, cluster: Cluster) -> Json:
    scale = release.deployment.options.autoscale
    assert scale is not None, "only a release with `autoscale` has one"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": release_name(release)}
    if cluster.api_version("HorizontalPodAutoscaler") == "autoscaling/v1":
        load: Json = {"targetCPUUtilizationPercentage": scale.cpu}
    else:
        usage = {"type": "Utilization", "averageUtilization": scale.cpu}
        load = {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": usage}}]}
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(release, release.deployment.service),
        "spec": {"scaleTargetRef": target, "minReplicas": scale.min, "maxReplicas": scale.max, **load},
    }


def _ingress(release: Tagged) -> Json:
    name, wanted = release.deployment.service, release.deployment.options.ingress
    assert wanted is not None, "only a release with `ingress` has one"
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec: Json = {"rules": [{"host": wanted.host, "http": {"paths": paths}}]}
    if wanted.class_name:
        spec["ingressClassName"] = wanted.class_name
    if wanted.tls_secret:
        spec["tls"] = [{"hosts": [wanted.host], "secretName": wanted.tls_secret}]
    return {"kind": "Ingress", "metadata": metadata(release, name), "spec": spec}


def route(release: Tagged, shares: Shares | None = None) -> Json:
    """The HTTPRoute to the Service, and with `shares` also to that of the canary."""
    name, wanted = release.deployment.service, release.deployment.options.route
    assert wanted is not None, "only a release with `route` has one"
    gateway = {"name": wanted.gateway.name}
    if wanted.gateway.namespace:
        gateway["namespace"] = wanted.gateway.namespace
    return {
        "kind": "HTTPRoute",
        "metadata": metadata(release, name),
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [wanted.host],
            "rules": [{"backendRefs": _backends(name, shares)}],
        },
    }


def _backends(name: str, shares: Shares | None) -> list[Json]:
    to_stable = {"name": name, "port": SERVICE_PORT}
    if shares is None or not shares.canary:
        return [to_stable]
    to_canary = {**to_stable, "name": canary_name(name)}
    return [{**to_stable, "weight": 100 - shares.weight}, {**to_canary, "weight": shares.weight}]
