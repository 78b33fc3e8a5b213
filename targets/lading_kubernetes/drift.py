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

from .pods import CONTAINER
from .rest import MANAGER

if TYPE_CHECKING:
    from lading import Context

    from .options import KubernetesOptions

_CONTAINER = f'spec.template.spec.containers[name="{CONTAINER}"].'
_VARIABLE = re.compile(r'env\[name="([^"]+)"\].*')
_OPTIONS = {
    "spec.replicas": "replicas",
    "spec.type": "service_type",
    f"{_CONTAINER}image": "image",
    f"{_CONTAINER}imagePullPolicy": "image_pull_policy",
    **{f"{_CONTAINER}resources.{part}.{name}": name for part in ("requests", "limits") for name in ("cpu", "memory")},
}


def remember(context: Context, applied: Json) -> None:
    """Record the fields that Lading owns in a Deployment or a Service of the release that serves."""
    kept = {"uid": applied["metadata"]["uid"], "fields": sorted(owned(applied).get(MANAGER, ()))}
    context.record(_fact(applied["kind"]), json.dumps(kept))


def changed(context: Context, options: KubernetesOptions, found: Mapping[str, Json]) -> dict[str, str]:
    """The changed fields of the objects, by the option or the path, and who has changed them."""
    differences: dict[str, str] = {}
    for kind, body in found.items():
        kept = _kept(context, kind)
        if kept.get("uid") == body["metadata"]["uid"]:
            differences |= dict(_lost(kind, body, kept["fields"]))
    if options.autoscale:  # the autoscaler changes it all the time
        differences.pop("replicas", None)
    return differences


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
    if option := _OPTIONS.get(path):
        return option
    variable = _VARIABLE.fullmatch(path.removeprefix(_CONTAINER))
    return f"env.{variable[1]}" if variable else f"{kind}.{path}"


def owned(body: Json) -> dict[str, set[str]]:
    """The paths in `spec` that each manager owns."""
    found: dict[str, set[str]] = {}
    for entry in body["metadata"].get("managedFields") or ():
        paths = set(_paths((entry.get("fieldsV1") or {}).get("f:spec") or {}, "spec"))
        found.setdefault(entry["manager"], set()).update(paths)
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
