"""The room that the quotas of a namespace leave for the pods of a release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from lading import Json, TargetFinding

from .failing import Forbidden
from .owning import find, query, release_of, selector, shares_of
from .patching import merged
from .pods import CONTAINER, sizes
from .quantities import amount

if TYPE_CHECKING:
    from lading import Deployment

    from .options import KubernetesOptions
    from .rest import Cluster


def shortages(deployment: Deployment[KubernetesOptions], cluster: Cluster) -> Iterator[TargetFinding]:
    """The amounts that are too low for the new pods beside those that serve. Quotas that cannot be read are skipped."""
    try:
        quotas = cluster.list("ResourceQuota")
    except Forbidden:
        return
    if quotas:
        more = _more_pods(deployment, cluster)
        needs = _needs(deployment.options)
        for quota in quotas:
            if not quota["spec"].get("scopes") and not quota["spec"].get("scopeSelector"):
                yield from _shortages_of(quota, more, needs)


def _more_pods(deployment: Deployment[KubernetesOptions], cluster: Cluster) -> int:
    """The number of pods that a deploy adds. Pods that an earlier attempt left are removed or used again."""
    served = shares_of(find(cluster, "Service", deployment.service, deployment)).ids
    pods = cluster.list("Pod", query(selector(deployment.service)))
    return deployment.options.fewest - sum(release_of(pod) not in served for pod in pods)


def _needs(options: KubernetesOptions) -> Mapping[str, tuple[Decimal, str]]:
    """What one pod takes from a quota, and the option to change, by the name of the amount."""
    usual = {"name": CONTAINER, "resources": {"requests": sizes(options), "limits": sizes(options)}}
    patch = ((options.patch.get("Deployment") or {}).get("spec") or {}).get("template") or {}
    spec = merged({"containers": [usual]}, patch.get("spec") or {})
    needs = {"pods": (Decimal(1), "autoscale" if options.autoscale else "replicas")}
    for part in ("requests", "limits"):
        for name, total in _sums(spec["containers"], part).items():
            option = name if name in ("cpu", "memory") else "resources"
            needs[f"{part}.{name}"] = (total, option)
            if part == "requests":
                needs[name] = (total, option)
    return needs


def _sums(containers: Json, part: str) -> Mapping[str, Decimal]:
    """The sum of each resource over all containers."""
    found: dict[str, Decimal] = {}
    for container in containers:
        for name, quantity in ((container.get("resources") or {}).get(part) or {}).items():
            found[name] = found.get(name, Decimal()) + amount(quantity)
    return found


def _shortages_of(quota: Json, more: int, needs: Mapping[str, tuple[Decimal, str]]) -> Iterator[TargetFinding]:
    status = quota.get("status") or {}
    for name, hard in (status.get("hard") or {}).items():
        used = (status.get("used") or {}).get(name, "0")
        each, option = needs.get(name, (Decimal(), ""))
        if more > 0 and each and amount(used) + each * more > amount(hard):
            taken = f"{used} of {hard} {name} are used"
            message = f"the quota {quota['metadata']['name']} has no room for the new pods: {taken}"
            hint = f"raise the quota, or change `{option}`"
            yield TargetFinding(message=message, option=option, hint=hint)
