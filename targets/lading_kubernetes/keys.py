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
    """Make the keys if there are none. Beside digests without keys, as an ejected Secret has them, they are added."""
    name = keys_name(deployment.service)
    found = find(cluster, "Secret", name, deployment)
    if found is None or _has_only_digests(found):
        context.intend(f"kubernetes/{cluster.namespace}/Secret/{name}")
        seen = {"resourceVersion": found["metadata"]["resourceVersion"]} if found else {}
        _apply(cluster, deployment, {**metadata, **seen}, ServiceKeys.new(), _digests(found) if found else "")


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
    known = _known(found) if rotate is None else _rotate(cluster, deployment, context, found, rotate)
    return Keys(primary=Secret(known.primary), secondary=Secret(known.secondary))


def digests(cluster: Cluster, deployment: Deployment) -> str | None:
    """The digests of the keys of a service, as its pods read them; None if it has no keys."""
    found = _read(cluster, deployment)
    if found is None:
        return None
    return _digests(found) or published(_known(found)).decode()


def _read(cluster: Cluster, deployment: Deployment) -> Json | None:
    try:
        return find(cluster, "Secret", keys_name(deployment.service), deployment)
    except StageFailed as error:
        raise KeyNotReadable(error.message, hint=error.hint) from error


def _rotate(
    cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, found: Json, which: str
) -> ServiceKeys:
    """Replace a key in one request. A node refreshes the files of a pod soon after the pod has changed.

    Digests without keys get keys beside them, and stay valid until the next rotation.
    """
    if _has_only_digests(found):
        known, kept = ServiceKeys.new(), _digests(found)
    else:
        known, kept = _known(found).rotated(cast("Which", which)), ""
    context.intend(f"kubernetes/{cluster.namespace}/Secret/{found['metadata']['name']}/{secrets.token_hex(4)}")
    options = deployment.options
    ours = {name: value for name, value in tags(found).items() if name.startswith("lading.")}
    metadata = {
        "name": found["metadata"]["name"],
        "resourceVersion": found["metadata"]["resourceVersion"],
        "labels": {**options.labels, **labels(deployment.service)},
        "annotations": {**options.annotations, **ours},
    }
    version = _apply(cluster, deployment, metadata, known, kept)["metadata"]["resourceVersion"]
    for pod in cluster.list("Pod", query(selector(deployment.service))):
        cluster.annotate("Pod", pod["metadata"]["name"], {_FRESH: version})
    return known


def _apply(
    cluster: Cluster, deployment: Deployment[KubernetesOptions], metadata: Json, known: ServiceKeys, kept: str
) -> Json:
    """Write the keys. The digests `kept` stay valid beside theirs."""
    with at_its_option("Secret", deployment.options):
        return cluster.apply(patched(_secret(metadata, known, kept), deployment.options))


def _secret(metadata: Json, known: ServiceKeys, kept: str) -> Json:
    digests = published(known).decode() + kept
    entries = {"primary": known.primary, "secondary": known.secondary, DIGESTS: digests}
    return {
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "data": {name: encoded(value) for name, value in entries.items()},
    }


def encoded(value: str) -> str:
    """A value as a Secret keeps it."""
    return base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()


def _has_only_digests(found: Json) -> bool:
    """Whether a Secret has the digests of keys, and not the keys, as an ejected one."""
    data = found.get("data") or {}
    return bool(_digests(found)) and not {"primary", "secondary"} & data.keys()


def _digests(found: Json) -> str:
    """The digests in a Secret, as its pods read them; empty without any."""
    try:
        return base64.b64decode((found.get("data") or {}).get(DIGESTS) or "").decode("ascii")
    except ValueError:
        return ""


def _known(found: Json) -> ServiceKeys:
    """The keys in a Secret. Raises KeyNotReadable if it has only their digests, and StageFailed if it has neither."""
    data, name = found.get("data") or {}, found["metadata"]["name"]
    if _has_only_digests(found):
        hint = "`lading keys --rotate primary` adds keys, and the present ones stay valid"
        raise KeyNotReadable(f"the Secret {name} has only digests of keys", hint=hint)
    try:
        primary, secondary = (base64.b64decode(data[name]).decode("ascii") for name in ("primary", "secondary"))
    except (KeyError, ValueError) as error:
        raise StageFailed(
            f"the Secret {name} has no keys", hint=f"`kubectl delete secret {name}`, then deploy"
        ) from error
    return ServiceKeys(primary=primary, secondary=secondary)
