"""The fields that others have changed since a release was applied, from what the cluster knows about managers.

The cluster notes which manager set each field last. A field that Lading applied and that is now another manager's was
changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from lading import Json

from .failing import Forbidden
from .owning import is_ours, shares_of
from .pods import CONTAINER
from .rest import MANAGER

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import KubernetesOptions
    from .rest import Cluster

_CONTAINER = f'spec.template.spec.containers[name="{CONTAINER}"].'
_VARIABLE = re.compile(r'env\[name="([^"]+)"\].*')
_OPTIONS = {
    "spec.replicas": "replicas",
    "spec.type": "service_type",
    f"{_CONTAINER}image": "image",
    f"{_CONTAINER}imagePullPolicy": "image_pull_policy",
    **{f"{_CONTAINER}resources.{part}.{name}": name for part in ("requests", "limits") for name in ("cpu", "memory")},
}


def watched(cluster: Cluster, release: Json, service: Json) -> dict[str, Json]:
    """The objects that are watched, by kind: the Deployment, the Service, and the Secret with the values of variables.

    The Secret is None if it is gone, and may be one that is not ours. It is left out if the pods need none, or if the
    account may not read it.
    """
    found: dict[str, Json] = {"Deployment": release, "Service": service}
    name = release["metadata"]["name"]
    if _refers_to(release, name):
        with suppress(Forbidden):
            found["Secret"] = cluster.get("Secret", name)
    return found


def remember_release(context: Context, cluster: Cluster, deployment: Deployment, release: Json, service: Json) -> None:
    """Record the fields of all objects that are watched. `release` is the Deployment of the one that serves."""
    for found in filter(None, watched(cluster, release, service).values()):
        if is_ours(found, deployment):
            remember(context, found)


def remember(context: Context, applied: Json) -> None:
    """Record the fields that Lading owns in an object of the release that serves. No value of a Secret is recorded."""
    about = applied["metadata"]
    kept = {"name": about["name"], "uid": about["uid"], "fields": sorted(owned(applied).get(MANAGER, ()))}
    if applied["kind"] == "Deployment":
        kept["replicas"] = applied["spec"].get("replicas")
    context.record(_fact(applied["kind"]), json.dumps(kept))


def changed(context: Context, options: KubernetesOptions, found: Mapping[str, Json]) -> dict[str, str]:
    """The changed fields of the objects, by the option or the path, and who has changed them."""
    differences: dict[str, str] = {}
    name = found["Deployment"]["metadata"]["name"]
    for kind, body in found.items():
        kept = _kept(context, kind)
        if body is None:
            differences[f"{kind}.{name}"] = "removed"
        elif kept.get("uid") == body["metadata"]["uid"]:
            differences |= dict(_lost(kind, body, kept["fields"]))
            if kind == "Deployment" and not shares_of(found.get("Service")).canary:
                differences = {**_scaled(body, kept), **differences}
        elif kind == "Secret" and kept.get("name") == name:
            differences[f"{kind}.{name}"] = "replaced"
    if options.autoscale:  # the autoscaler changes it all the time
        differences.pop("replicas", None)
    return differences


def _scaled(body: Json, kept: Json) -> dict[str, str]:
    """A changed number of pods. Older clusters do not note who has scaled a Deployment."""
    before, now = kept.get("replicas"), body["spec"].get("replicas")
    return {} if before in (None, now) else {"replicas": f"changed from {before} to {now}"}


def _refers_to(release: Json, secret: str) -> bool:
    """Whether the pods of a Deployment have variables with values of a Secret."""
    containers = release["spec"]["template"]["spec"]["containers"]
    refs = (each.get("valueFrom") or {} for container in containers for each in container.get("env") or ())
    return any((ref.get("secretKeyRef") or {}).get("name") == secret for ref in refs)


def words(differences: Mapping[str, str]) -> Iterator[str]:
    """The changed fields for people."""
    yield from (f"{name} was {how}" for name, how in differences.items())


def _lost(kind: str, body: Json, applied: list[str]) -> Iterator[tuple[str, str]]:
    managers = owned(body)
    left = managers.pop(MANAGER, set())
    for name in dict.fromkeys(_name(kind, path) for path in applied if path not in left):
        who = [manager for manager, fields in managers.items() if any(_name(kind, path) == name for path in fields)]
        yield name, f"changed by {' and '.join(who)}" if who else "removed"


def _name(kind: str, path: str) -> str:
    """The option that sets a field, or else its path."""
    if kind == "Secret":
        return path.replace("data.", "env.", 1)
    if option := _OPTIONS.get(path):
        return option
    variable = _VARIABLE.fullmatch(path.removeprefix(_CONTAINER))
    return f"env.{variable[1]}" if variable else f"{kind}.{path}"


def owned(body: Json) -> dict[str, set[str]]:
    """The paths in `spec` and in `data` that each manager owns."""
    found: dict[str, set[str]] = {}
    for entry in body["metadata"].get("managedFields") or ():
        paths = found.setdefault(entry["manager"], set())
        for part in ("spec", "data"):
            if fields := (entry.get("fieldsV1") or {}).get(f"f:{part}"):
                paths.update(_paths(fields, part))
    return found


def _paths(fields: Mapping[str, Json], path: str) -> Iterator[str]:
    """The paths of the leaves. An item of a list is named by its keys."""
    for name, inner in fields.items():
        if name != ".":
            yield from _paths(inner, f"{path}{_step(name)}")
    if not set(fields) - {"."}:
        yield path


def _step(name: str) -> str:
    kind, _, rest = name.partition(":")
    if kind == "k":
        with suppress(ValueError, AttributeError):
            return f"[{','.join(f'{key}={json.dumps(value)}' for key, value in json.loads(rest).items())}]"
    return f".{rest}" if kind == "f" else f"[{rest}]"


def _kept(context: Context, kind: str) -> Json:
    with suppress(ValueError):
        found = json.loads(context.recorded(_fact(kind)) or "{}")
        if isinstance(found, dict):
            return found
    return {}


def _fact(kind: str) -> str:
    return f"fields.{kind}"
