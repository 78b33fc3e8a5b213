"""Check for problems of a deploy on a cluster, without any effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import BadInput, TargetFinding, TargetFindings

from .failing import Forbidden, no_namespace
from .objects import SERVICE_PORT
from .owning import check_name, find, refuse_foreign
from .quotas import shortages
from .rights import by_resource, lacking, needed, role

if TYPE_CHECKING:
    from lading import Deployment

    from .options import KubernetesOptions
    from .rest import Cluster


def findings(deployment: Deployment[KubernetesOptions], cluster: Cluster) -> TargetFindings:
    """Check the rights, the things that the options name, the quotas and the port.

    Raises the error of the deploy for a namespace that does not exist, and for objects of others.
    """
    check_name(deployment.service)
    if _exists(cluster, "Namespace", cluster.namespace) is False:
        raise no_namespace(cluster.namespace)
    found = tuple(_rights(deployment.options, cluster))
    if not found:  # without rights, nothing else can be read
        find(cluster, "Service", deployment.service, deployment)
        refuse_foreign(cluster, deployment)
        found = (
            *_named(deployment.options, cluster),
            *shortages(deployment, cluster),
            *_port(deployment, cluster),
        )
    return TargetFindings(findings=found)


def _rights(options: KubernetesOptions, cluster: Cluster) -> Iterator[TargetFinding]:
    missing = lacking(cluster, options)
    if missing:
        words = "; ".join(f"{', '.join(verbs)} {resource}" for (_, resource), verbs in by_resource(missing).items())
        message = f"the account lacks rights in the namespace {cluster.namespace}: {words}"
        hint = f"bind it to this Role by a RoleBinding:\n{role(needed(options), cluster.namespace)}"
        yield TargetFinding(message=message, option="namespace", hint=hint.rstrip())


def _named(options: KubernetesOptions, cluster: Cluster) -> Iterator[TargetFinding]:
    """The objects of others that the options name."""
    names = [("image_pull_secrets", "Secret", name) for name in options.image_pull_secrets]
    names += [("service_account", "ServiceAccount", name) for name in (options.service_account,) if name]
    names += [("priority_class", "PriorityClass", name) for name in (options.priority_class,) if name]
    for option, kind, name in names:
        if _exists(cluster, kind, name) is False:
            place = "cluster" if kind == "PriorityClass" else f"namespace {cluster.namespace}"
            message = f"the {place} has no {kind} '{name}'"
            yield TargetFinding(message=message, option=option, hint=f"create it, or change `{option}`")


def _exists(cluster: Cluster, kind: str, name: str) -> bool | None:
    """Whether an object exists; None if the account may not know."""
    try:
        return cluster.get(kind, name) is not None
    except Forbidden:
        return None


def _port(deployment: Deployment[KubernetesOptions], cluster: Cluster) -> Iterator[TargetFinding]:
    """The cluster itself knows whether a port is free and within its range."""
    port = deployment.options.node_port
    if port is None:
        return
    entry = {"name": "http", "port": SERVICE_PORT, "nodePort": port, "protocol": "TCP"}
    body = {"kind": "Service", "metadata": {"name": deployment.service}, "spec": {"type": "NodePort", "ports": [entry]}}
    try:
        cluster.apply(body, dry_run=True)
    except BadInput as error:
        yield TargetFinding(message=error.message, option="node_port", hint="name another port, or none")
