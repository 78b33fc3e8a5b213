"""The differences between the objects around the pods and those of a deploy, by a dry run on the cluster.

Each release has a new Deployment and a new Secret, so these are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lading import Json, PlanEffect, PlanFinding

from . import objects
from .changing import dry_run
from .drift import owned
from .failing import Forbidden
from .owning import find, known, shares_of
from .removing import unwanted
from .rest import MANAGER

if TYPE_CHECKING:
    from lading import Deployment

    from .options import KubernetesOptions
    from .rest import Cluster
_OPTIONS_WITH_TEXT = ("annotations", "labels", "patch", "ingress", "route")
"""The options with texts that the compared objects have."""


def differences(
    deployment: Deployment[KubernetesOptions], up: Mapping[str, Json], service: Json, cluster: Cluster
) -> Iterator[PlanFinding]:
    """The objects and the fields that change. Raises BadInput if the cluster does not accept an object.

    `up` has the options of the release that serves, as written. Beside a canary nothing is compared, because a deploy
    is refused then.
    """
    shares = shares_of(service)
    if shares.canary:
        return
    release = known(service, deployment, shares.stable)
    hides = _has_variables(deployment.written) or _has_variables(up)
    for body in (objects.service(release), *objects.stable(release, cluster)):
        kind, name = body["kind"], body["metadata"]["name"]
        found = service if kind == "Service" else find(cluster, kind, name, deployment)
        planned = _planned(cluster, body, deployment.options)
        if found is None:
            yield _finding(f"{kind} {name} is made")
        elif planned:
            for change in _changes(found, planned):
                shown = change.path if hides else change.words
                yield _finding(f"{kind} {name}: {shown}{change.others}")
    for kind, name in unwanted(cluster, deployment).objects:
        yield _finding(f"{kind} {name} is removed")


def _planned(cluster: Cluster, body: Json, options: KubernetesOptions) -> Json | None:
    """An object after a deploy. None if the account may not ask: preflight reports the rights that it lacks."""
    try:
        return dry_run(cluster, body, options)
    except Forbidden:
        return None


def _finding(message: str) -> PlanFinding:
    return PlanFinding(message=message, effect=PlanEffect.CHANGED)


def _has_variables(written: Mapping[str, Json]) -> bool:
    """Whether fields of an object may have values of variables. Their old values are not known as secrets."""
    return "${" in json.dumps([written.get(name) for name in _OPTIONS_WITH_TEXT])


class _Change(NamedTuple):
    """A changed field of an object, and the other managers that have set it."""

    path: str
    old: Any
    new: Any
    managers: list[str]

    @property
    def words(self) -> str:
        return f"{self.path}: {_shown(self.old)} → {_shown(self.new)}"

    @property
    def others(self) -> str:
        return f", set by {' and '.join(self.managers)}" if self.managers else ""


def _changes(found: Json, planned: Json) -> Iterator[_Change]:
    """The changed fields of an object."""
    managers = {manager: paths for manager, paths in owned(found).items() if manager != MANAGER}
    for path, old, new in _changed(_compared(found), _compared(planned), ""):
        who = [manager for manager, paths in managers.items() if any(_is_inside(each, path) for each in paths)]
        yield _Change(path, old, new, who)


def _is_inside(field: str, path: str) -> bool:
    return field == path or field.startswith((f"{path}.", f"{path}["))


def _compared(body: Json) -> Json:
    """The fields that Lading or a user sets, without our marks, which differ in each release."""
    metadata = body["metadata"]
    marks = metadata.get("annotations") or {}
    annotations = {name: value for name, value in marks.items() if not name.startswith("lading.")}
    return {
        "metadata": {"labels": metadata.get("labels") or {}, "annotations": annotations},
        "spec": body.get("spec") or {},
    }


def _changed(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The paths whose values differ. A list is one value."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _changed(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif old != new:
        yield path, old, new


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
