"""The keys of a service. They are in a Secret of the cluster; the pods get only their digests."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from lading import BadInput, Json, KeyNotReadable, Keys, Refused, Secret, StageFailed
from lading_serving.keyring import ServiceKeys, Which, published

from .failing import Unauthorized
from .owning import find, find_all, keys_name, known, labels, query, release_of, selector, serving, tags
from .patching import at_its_option, patched

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster

DIGESTS = "digests"
"""The entry of the Secret that the pods mount, and the name of the file there."""

KEYS = "keys"
"""The name of the volume with the digests."""

_FRESH = "lading.keys"
_ADDED = "lading.keys-added"  # when keys were added to digests without keys
_REPEATED = timedelta(minutes=1)  # the time in which a request whose reply was lost is sent again


def ensure_keys(cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, metadata: Json) -> None:
    """Make the keys if there are none. Beside digests without keys, as an ejected Secret has them, they are added."""
    name = keys_name(deployment.service)
    found = find(cluster, "Secret", name, deployment)
    if found is None or _has_only_digests(found):
        context.intend(f"kubernetes/{cluster.namespace}/Secret/{name}")
        seen = {"resourceVersion": found["metadata"]["resourceVersion"]} if found else {}
        _apply(cluster, deployment, {**metadata, **seen}, _entries(ServiceKeys.new(), _digests(found) if found else ""))


def keys(cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, rotate: str | None) -> Keys:
    """The keys of a service. Without `auth: key` there are none, and none can be rotated.

    Raises StageFailed if the pods that serve ask for a key, and its Secret is gone. A rotation makes it again.
    """
    service = find(cluster, "Service", deployment.service, deployment)
    if service is None and rotate is not None:
        raise StageFailed(f"{deployment.service} is not deployed", hint="run `lading deploy` to start it")
    found = _read(cluster, deployment)
    if found is not None:
        now = _known(found) if rotate is None else _rotate(cluster, deployment, context, found, rotate)
    elif service is not None and _stable_asks_for_key(cluster, deployment, service):
        if rotate is None:
            raise _lost(deployment.service)
        now = _make(cluster, deployment, context, service)
    elif rotate is not None:
        raise BadInput(
            f"requests to {deployment.service} carry no key, so none can be rotated",
            hint="write `auth: key` under the target and deploy it",
        )
    else:
        return Keys(primary=None)
    return Keys(primary=Secret(now.primary), secondary=Secret(now.secondary))


def asks_for_key(found: Json) -> bool:
    """Whether the pods of a Deployment ask for a key."""
    return any(volume["name"] == KEYS for volume in found["spec"]["template"]["spec"].get("volumes") or ())


def are_lost(cluster: Cluster, deployment: Deployment[KubernetesOptions], release: Json) -> bool:
    """Whether the pods of a Deployment ask for a key, and its Secret is gone. Unknown counts as no."""
    if deployment.options.auth != "key" or not asks_for_key(release):
        return False
    with suppress(KeyNotReadable, Refused):
        return _read(cluster, deployment) is None
    return False


def _stable_asks_for_key(cluster: Cluster, deployment: Deployment[KubernetesOptions], service: Json) -> bool:
    """Whether the pods of the stable release ask for a key. The manifest may have changed since its deploy."""
    releases = find_all(cluster, "Deployment", deployment)
    return any(asks_for_key(each) for each in releases if release_of(each) == serving(service))


def _lost(service: str) -> StageFailed:
    hint = "`lading keys --rotate primary` makes new keys, or run `lading deploy`"
    return StageFailed(f"requests to {service} need a key, and the Secret {keys_name(service)} is gone", hint=hint)


def digests(cluster: Cluster, deployment: Deployment) -> str | None:
    """The digests of the keys of a service, as its pods read them; None if it has no keys."""
    found = _read(cluster, deployment)
    if found is None:
        return None
    return _digests(found) or _lines(_known(found))


def _read(cluster: Cluster, deployment: Deployment) -> Json | None:
    try:
        return find(cluster, "Secret", keys_name(deployment.service), deployment)
    except Unauthorized:
        raise
    except StageFailed as error:
        raise KeyNotReadable(error.message, hint=error.hint) from error


def _rotate(
    cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, found: Json, which: str
) -> ServiceKeys:
    """Replace a key in one request. Digests without keys get keys, and stay valid until the next rotation.

    A rotation soon after that may be the same one, whose reply was lost. So they stay valid then too.
    """
    metadata = {"resourceVersion": found["metadata"]["resourceVersion"], **_metadata(deployment, found)}
    added = tags(found).get(_ADDED)
    if _has_only_digests(found):
        made, kept, added = ServiceKeys.new(), _digests(found), cluster.now.isoformat()
    else:
        now = _known(found)
        is_new = added is not None and cluster.now - datetime.fromisoformat(added) < _REPEATED
        made, kept = now.rotated(cast("Which", which)), _digests(found).removeprefix(_lines(now)) if is_new else ""
    if kept:
        metadata["annotations"][_ADDED] = added
    _publish(cluster, deployment, context, metadata, _entries(made, kept))
    return made


def _make(cluster: Cluster, deployment: Deployment[KubernetesOptions], context: Context, service: Json) -> ServiceKeys:
    """Make the keys again whose Secret is gone, with the marks of the Service."""
    made = ServiceKeys.new()
    _publish(cluster, deployment, context, _metadata(deployment, service), _entries(made))
    return made


def _metadata(deployment: Deployment[KubernetesOptions], found: Json) -> dict[str, Json]:
    """The metadata of the Secret, with the marks of the release that an object has."""
    options = deployment.options
    ours = known(found, deployment, "").tags
    return {
        "name": keys_name(deployment.service),
        "labels": {**options.labels, **labels(deployment.service)},
        "annotations": {**options.annotations, **ours},
    }


def _publish(
    cluster: Cluster,
    deployment: Deployment[KubernetesOptions],
    context: Context,
    metadata: Json,
    entries: Mapping[str, str],
) -> None:
    """Write the keys, and let the nodes refresh the files of the pods soon."""
    context.intend(f"kubernetes/{cluster.namespace}/Secret/{metadata['name']}/{secrets.token_hex(4)}")
    version = _apply(cluster, deployment, metadata, entries)["metadata"]["resourceVersion"]
    for pod in cluster.list("Pod", query(selector(deployment.service))):
        cluster.annotate("Pod", pod["metadata"]["name"], {_FRESH: version})


def _entries(keys: ServiceKeys, kept: str = "") -> Mapping[str, str]:
    """The entries of the Secret. The digests `kept` stay valid beside those of the keys."""
    return {"primary": keys.primary, "secondary": keys.secondary, DIGESTS: _lines(keys) + kept}


def _lines(keys: ServiceKeys) -> str:
    """The digests of keys, as the pods read them."""
    return published(keys).decode()


def _apply(
    cluster: Cluster, deployment: Deployment[KubernetesOptions], metadata: Json, entries: Mapping[str, str]
) -> Json:
    with at_its_option("Secret", deployment.options):
        return cluster.apply(patched(_secret(metadata, entries), deployment.options))


def _secret(metadata: Json, entries: Mapping[str, str]) -> Json:
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
