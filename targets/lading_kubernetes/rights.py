"""The rights that the account needs in a namespace, and those that it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import yaml

from lading import Json

from .failing import Forbidden
from .kinds import KINDS, unasked
from .options import KINDS as APPLIED

if TYPE_CHECKING:
    from .options import KubernetesOptions
    from .rest import Cluster

_VERBS = ("get", "list", "create", "patch", "delete")
_ASKING = ("get", "create")  # the verbs of requests with the methods GET and POST


class Right(NamedTuple):
    """A verb on a resource of an API group, such as `get` on `pods/log`."""

    verb: str
    group: str
    resource: str


def needed(options: KubernetesOptions) -> Iterator[Right]:
    """All rights for a deploy and the other commands, without those on kinds that the options do not ask for."""
    for kind in APPLIED:
        if kind not in unasked(options):
            yield from _on(KINDS[kind].group, KINDS[kind].plural, _VERBS)
    yield from _on("", "pods", ("list", "patch"))
    yield from _on("", "pods/log", ("get",))
    yield from _on("", "pods/proxy", _ASKING)
    yield from _on("", "events", ("list",))
    if options.is_inside:
        yield from _on("", "services/proxy", _ASKING)


def lacking(cluster: Cluster, options: KubernetesOptions) -> list[Right]:
    """The rights that the account lacks: one request, and one for each right that an incomplete answer leaves out.

    None are known if the account may not ask.
    """
    try:
        known = cluster.review("SelfSubjectRulesReview", namespace=cluster.namespace)
    except Forbidden:
        return []
    rules = known.get("resourceRules") or ()
    missing = [right for right in needed(options) if not any(_gives(rule, right) for rule in rules)]
    return [right for right in missing if not _may(cluster, right)] if known.get("incomplete") else missing


def role(rights: Iterable[Right], namespace: str) -> str:
    """A Role with the rights, as YAML."""
    rules: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), verbs in by_resource(rights).items():
        rules.setdefault((group, verbs), []).append(resource)
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "lading", "namespace": namespace},
        "rules": [
            {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
            for (group, verbs), resources in rules.items()
        ],
    }
    return yaml.safe_dump(body, sort_keys=False, default_flow_style=None, width=1000)


def by_resource(rights: Iterable[Right]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """The verbs of each resource, by its group and its name."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for verb, group, resource in rights:
        found[group, resource] = (*found.get((group, resource), ()), verb)
    return found


def _on(group: str, resource: str, verbs: Sequence[str]) -> Iterator[Right]:
    yield from (Right(verb, group, resource) for verb in verbs)


def _gives(rule: Json, right: Right) -> bool:
    """Whether a rule gives a right on all objects."""
    if rule.get("resourceNames"):
        return False
    resources = {right.resource, "*", f"*/{right.resource.partition('/')[2]}"}
    return bool(
        {right.verb, "*"} & set(rule["verbs"])
        and {right.group, "*"} & set(rule.get("apiGroups") or ())
        and resources & set(rule.get("resources") or ())
    )


def _may(cluster: Cluster, right: Right) -> bool:
    resource, _, part = right.resource.partition("/")
    asked = {"namespace": cluster.namespace, "verb": right.verb, "group": right.group, "resource": resource}
    answer = cluster.review("SelfSubjectAccessReview", resourceAttributes={**asked, "subresource": part})
    return bool(answer.get("allowed"))
