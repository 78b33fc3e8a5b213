"""The fate of the options of `aks` on `kubernetes-online`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lading import Counterpart, CounterpartRule, Fate
from lading_kubernetes.quantities import amount

from . import from_v1
from .from_v1 import autoscaled, lossy, replicas, unsupported
from .naming import GPU

_MEBIBYTES = 1024  # of a gibibyte


def counterparts(plugin: str, given: Mapping[str, Any], options: Any) -> dict[str, Counterpart]:
    """The fate of each known option of a block of `aks`."""
    if plugin != "aks":
        return {}
    found = {name: RULES[name](options, value) for name, value in given.items() if name in RULES}
    if "autoscale_enabled" in given:
        found["autoscale_enabled"] = _autoscaled(options.scale_settings, given)
    return found


def _autoscaled(scale: Any, given: Mapping[str, Any]) -> Counterpart:
    limits = (scale.min_instances, scale.max_instances) if scale else None
    form = "{{type: target_utilization, min_instances: {}, max_instances: {}}}"
    return autoscaled(given, "scale_settings", limits, form)


def _cpu(part: str) -> CounterpartRule:
    return lambda options, value: _amount(options, part, "cpu", f"{round(value * 1000)}m")


def _memory(part: str) -> CounterpartRule:
    return lambda options, value: _amount(options, part, "memory", f"{round(value * _MEBIBYTES)}Mi")


def _gpus(options: Any, value: int) -> Counterpart:
    return _amount(options, "limits", GPU, str(value))


def _amount(options: Any, part: str, resource: str, wanted: str) -> Counterpart:
    """The fate of a quantity, which may be written in another way."""
    found = getattr(options.resources, part).get(resource)
    if amount(found or 0) == amount(wanted):
        return Counterpart(fate=Fate.MAPPED, detail=f"as resources.{part}")
    there = f"; it is {found} there" if found else ""
    text = f'"{wanted}"' if wanted.isdecimal() else wanted  # a quantity is text
    return Counterpart(fate=Fate.LOSSY, detail=f"write `resources: {{{part}: {{{resource}: {text}}}}}`{there}")


_CLUSTER = lossy(
    "attach the cluster again with `az ml compute attach --type Kubernetes`, and write its name as `compute`"
)

RULES: dict[str, CounterpartRule] = {
    **from_v1.RULES,
    "compute_target_name": _CLUSTER,
    "attach": _CLUSTER,
    "provision": unsupported("the cluster must exist: `az aks create` makes one"),
    "namespace": lossy("the attached cluster has the namespace: `az ml compute attach --namespace NAME`"),
    "cpu_cores": _cpu("requests"),
    "memory_gb": _memory("requests"),
    "cpu_cores_limit": _cpu("limits"),
    "memory_gb_limit": _memory("limits"),
    "gpu_cores": _gpus,
    "num_replicas": replicas("scale_settings"),
    "autoscale_min_replicas": Counterpart.under("scale_settings.min_instances"),
    "autoscale_max_replicas": Counterpart.under("scale_settings.max_instances"),
    "autoscale_target_utilization": Counterpart.under("scale_settings.target_utilization_percentage"),
    "autoscale_refresh_seconds": Counterpart.under("scale_settings.polling_interval"),
}
"""The options of `aks` with another name or meaning here, without `autoscale_enabled`."""
