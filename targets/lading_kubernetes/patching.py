"""Merge the option `patch` into an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lading import BadInput, Json

if TYPE_CHECKING:
    from .options import KubernetesOptions

_SHARES = {
    "HTTPRoute": [("spec", "rules")],
    "Deployment": [("spec", "replicas")],
    "HorizontalPodAutoscaler": [("spec", "scaleTargetRef")],
}
"""The fields that give each release its share, by kind."""

_PORTS = ("spec", "ports")


def patched(body: Json, options: KubernetesOptions) -> Json:
    """An object with its patch. Raises BadInput if the patch would change one of our marks, the shares, or the port."""
    patch = options.patch.get(body["kind"])
    if patch is None:
        return body
    made = merged(body, patch)
    marks = [path for path in _marks(body) if _at(body, path) != _at(made, path)]
    shares = [path for path in _SHARES.get(body["kind"], ()) if path[-1] in (_at(patch, path[:-1]) or ())]
    ports = [_PORTS] if body["kind"] == "Service" and not _has_ports(made, body) else []
    for reason, paths in (("knows the object", marks), ("splits the requests", shares), ("reaches the pods", ports)):
        if paths:
            raise BadInput(
                f"the patch changes {'.'.join(paths[0])} of the {body['kind']}, by which Lading {reason}",
                hint="leave it out of the patch",
                option=f"patch.{body['kind']}",
            )
    return made


@contextmanager
def at_its_option(kind: str, options: KubernetesOptions) -> Iterator[None]:
    """Name the option of a field that the cluster does not accept in an object of a kind."""
    try:
        yield
    except BadInput as error:
        error.option = error.option or _option(kind, error.message, options)
        raise


def _option(kind: str, message: str, options: KubernetesOptions) -> str:
    """The option whose content is not checked by Lading: a patch, or the choice of nodes of the pods."""
    if kind in options.patch:
        return f"patch.{kind}"
    return next((name for name in ("tolerations", "affinity") if kind == "Deployment" and name in message), "")


def merged(old: Any, new: Any) -> Any:
    """JSON merge patch (RFC 7396), but a list of named items is merged item by item."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        kept = {name: value for name, value in old.items() if name not in new}
        return kept | {name: merged(old.get(name), value) for name, value in new.items() if value is not None}
    if _named(old) and _named(new):
        added = {item["name"]: item for item in new}
        known = {item["name"] for item in old}
        items = [merged(item, added.get(item["name"], {})) for item in old]
        return items + [item for name, item in added.items() if name not in known]
    return dict(new) if isinstance(new, Mapping) else new


def _named(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, Mapping) and "name" in item for item in value)


def _has_ports(made: Json, body: Json) -> bool:
    """Whether a Service with a patch still has our ports, because addresses and routes name them. It may have more."""
    found = _at(made, _PORTS) or ()
    fields = ("name", "port", "targetPort", "protocol")
    known = [[each.get(field) for field in fields] for each in found if isinstance(each, Mapping)]
    return all([each[field] for field in fields] in known for each in _at(body, _PORTS))


def _marks(body: Json) -> list[tuple[str, ...]]:
    """The places of our marks in an object."""
    paths: list[tuple[str, ...]] = [("kind",), ("metadata", "name"), ("metadata", "namespace")]
    paths += [("metadata", part, name) for part in ("labels", "annotations") for name in body["metadata"][part]]
    return [*paths, ("spec", "selector"), ("spec", "template", "metadata", "labels")]


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
