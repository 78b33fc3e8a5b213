"""The kinds of objects: their API groups, their versions from new to old, and their places on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .options import KubernetesOptions


class Kind(NamedTuple):
    """A kind of objects. `group` is empty for the core of the API; `versions` begin with the newest."""

    group: str
    versions: tuple[str, ...]
    plural: str
    in_namespace: bool = True


KINDS = {
    "Deployment": Kind("apps", ("v1",), "deployments"),
    "Service": Kind("", ("v1",), "services"),
    "ServiceAccount": Kind("", ("v1",), "serviceaccounts"),
    "Secret": Kind("", ("v1",), "secrets"),
    "Pod": Kind("", ("v1",), "pods"),
    "Event": Kind("", ("v1",), "events"),
    "NetworkPolicy": Kind("networking.k8s.io", ("v1",), "networkpolicies"),
    "Ingress": Kind("networking.k8s.io", ("v1",), "ingresses"),
    "PodDisruptionBudget": Kind("policy", ("v1", "v1beta1"), "poddisruptionbudgets"),
    "HorizontalPodAutoscaler": Kind("autoscaling", ("v2", "v1"), "horizontalpodautoscalers"),
    "HTTPRoute": Kind("gateway.networking.k8s.io", ("v1", "v1beta1"), "httproutes"),
    "ResourceQuota": Kind("", ("v1",), "resourcequotas"),
    "Namespace": Kind("", ("v1",), "namespaces", in_namespace=False),
    "PriorityClass": Kind("scheduling.k8s.io", ("v1",), "priorityclasses", in_namespace=False),
}

OPTIONAL = ("HorizontalPodAutoscaler", "Ingress", "HTTPRoute")
"""The kinds that only some options ask for. An account needs no rights on the others."""


def unasked(options: KubernetesOptions) -> tuple[str, ...]:
    """The optional kinds that the options do not ask for."""
    asked = (options.autoscale, options.ingress, options.route)
    return tuple(kind for kind, option in zip(OPTIONAL, asked, strict=True) if option is None)


def collection(api_version: str, namespace: str, kind: str) -> str:
    """The path of the objects of a kind, in a namespace if the kind has namespaces."""
    root = "/apis" if "/" in api_version else "/api"
    place = f"namespaces/{namespace}/" if KINDS[kind].in_namespace else ""
    return f"{root}/{api_version}/{place}{KINDS[kind].plural}"
