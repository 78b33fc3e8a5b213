"""The keys of a service. They are in a Secret of the cluster; the pods get only their digests."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, cast

from lading import BadInput, Json, KeyNotReadable, Keys, Secret, StageFailed
from lading_serving.keyring import ServiceKeys, Which, published

from .owning import find, keys_name, labels, query, selector, tags
from .patching import at_its_option, patched

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster

DIGESTS = "digests"
"""The entry of the Secret that the pods mount, and the name of the file there."""

_FRESH = "lading.keys"


def ensure_keys(cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, metadata: Json) -> None:
    """Make the keys if there are none."""
    name = keys_name(deployment.service)
    if find(cluster, "Secret", name, deployment) is None:
        context.intend(f"kubernetes/{cluster.namespace}/Secret/{name}")
        _apply(cluster, deployment, metadata, ServiceKeys.new())


def keys(cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, rotate: str | None) -> Keys:
    """The keys of a service. Without `auth: key` there are none, and none can be rotated."""
    if find(cluster, "Service", deployment.service, deployment) is None and rotate is not None:
        raise StageFailed(f"{deployment.service} is not deployed", hint="run `lading deploy` to start it")
    found = _read(cluster, deployment)
    if found is None:
        if rotate is not None:
            raise BadInput(
                f"requests to {deployment.service} carry no key, so none can be rotated",
                hint="write `auth: key` under the target and deploy it",
            )
        return Keys(primary=None)
    known = _known(found)
    if rotate is not None:
        known = known.rotated(cast("Which", rotate))
        _rotate(cluster, deployment, context, found, known)
    return Keys(primary=Secret(known.primary), secondary=Secret(known.secondary))


def digests(cluster: Cluster, deployment: Deployment) -> str | None:
    """The digests of the keys of a service, as its pods read them; None if it has no keys."""
    found = _read(cluster, deployment)
    return published(_known(found)).decode() if found else None


def _read(cluster: Cluster, deployment: Deployment) -> Json | None:
    try:
        return find(cluster, "Secret", keys_name(deployment.service), deployment)
    except StageFailed as error:
        raise KeyNotReadable(error.message, hint=error.hint) from error


def _rotate(
    cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, found: Json, known: ServiceKeys
) -> None:
    """Replace the keys in one request. A node refreshes the files of a pod soon after the pod has changed."""
    context.intend(f"kubernetes/{cluster.namespace}/Secret/{found['metadata']['name']}/{secrets.token_hex(4)}")
    options = deployment.options
    ours = {name: value for name, value in tags(found).items() if name.startswith("lading.")}
    metadata = {
        "name": found["metadata"]["name"],
        "resourceVersion": found["metadata"]["resourceVersion"],
        "labels": {**options.labels, **labels(deployment.service)},
        "annotations": {**options.annotations, **ours},
    }
    version = _apply(cluster, deployment, metadata, known)["metadata"]["resourceVersion"]
    for pod in cluster.list("Pod", query(selector(deployment.service))):
        cluster.annotate("Pod", pod["metadata"]["name"], {_FRESH: version})


def _apply(cluster: Cluster, deployment: Deployment[KubernetesOptions], metadata: Json, known: ServiceKeys) -> Json:
    with at_its_option("Secret", deployment.options):
        return cluster.apply(patched(_secret(metadata, known), deployment.options))


def _secret(metadata: Json, known: ServiceKeys) -> Json:
    entries = {"primary": known.primary, "secondary": known.secondary, DIGESTS: published(known).decode()}
    return {
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "data": {name: encoded(value) for name, value in entries.items()},
    }


def encoded(value: str) -> str:
    """A value as a Secret keeps it."""
    return base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()


def _known(found: Json) -> ServiceKeys:
    data = found.get("data") or {}
    try:
        primary, secondary = (base64.b64decode(data[name]).decode("ascii") for name in ("primary", "secondary"))
    except (KeyError, ValueError) as error:
        name = found["metadata"]["name"]
        raise StageFailed(
            f"the Secret {name} has no keys", hint=f"`kubectl delete secret {name}`, then deploy"
        ) from error
    return ServiceKeys(primary=primary, secondary=secondary)
