"""The fate of the options of `aks` on `kubernetes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lading import Counterpart, CounterpartRule, Fate

from .quantities import amount

_GPU = "nvidia.com/gpu"
_MEBIBYTES = 1024  # of a gibibyte
_ENABLED, _UTILIZATION = "autoscale_enabled", "autoscale_target_utilization"
_SCALING = {"autoscale_min_replicas": 1, "autoscale_max_replicas": 10, _UTILIZATION: 70}  # with the defaults of `aks`


def counterparts(plugin: str, given: Mapping[str, Any], options: Any) -> dict[str, Counterpart]:
    """The fate of each known option of a block of `aks`."""
    if plugin != "aks":
        return {}
    found = {name: _RULES[name](options, value) for name, value in given.items() if name in _RULES}
    return found | {name: fate for name, fate in _autoscaled(given, options.autoscale).items() if name in given}


def _cpu(options: Any, value: float) -> Counterpart:
    return _amount("cpu", f"{round(value * 1000)}m", options.cpu)


def _memory(options: Any, value: float) -> Counterpart:
    return _amount("memory", f"{round(value * _MEBIBYTES)}Mi", options.memory)


def _amount(option: str, wanted: str, found: str) -> Counterpart:
    return Counterpart.at(option, wanted, wanted if amount(wanted) == amount(found) else found)


def _gpus(options: Any, value: int) -> Counterpart:
    found = options.resources.get(_GPU)
    if found == value:
        return Counterpart(fate=Fate.MAPPED, detail="as resources")
    return Counterpart(fate=Fate.LOSSY, detail=f"write `resources: {{{_GPU}: {value}}}`")


def _autoscaled(given: Mapping[str, Any], scale: Any) -> Mapping[str, Counterpart]:
    """The fates of the options of the autoscaler. One line has all of them."""
    least, most, percent = (given.get(name, usual) for name, usual in _SCALING.items())
    if not given.get(_ENABLED):
        same, line = scale is None, "remove `autoscale`"
    else:
        same = scale is not None and (scale.min, scale.max, scale.cpu) == (least, most, percent)
        line = f"write `autoscale: {{min: {least}, max: {most}, cpu: {percent}}}`"
    mapped = Counterpart(fate=Fate.MAPPED, detail="as autoscale")
    rest = mapped if same else Counterpart(fate=Fate.LOSSY, detail=f"see {_ENABLED}")
    busy = Counterpart(fate=Fate.LOSSY, detail="the percent is of the used processor time, not of busy pods")
    whole = mapped if same else Counterpart(fate=Fate.LOSSY, detail=line)
    return {**dict.fromkeys(_SCALING, rest), _UTILIZATION: busy, _ENABLED: whole}


def _auth(options: Any, value: bool) -> Counterpart:
    return Counterpart.at("auth", "key" if value else "none", options.auth)


_KEYS = Counterpart.always(
    Fate.LOSSY, "the first deploy makes the keys: `lading keys` shows them, `--rotate` sets fresh ones"
)
_LIMIT = Counterpart.always(
    Fate.LOSSY, "`cpu` and `memory` are the request and the limit of a pod: write the higher value there"
)
_BASE = Counterpart.always(Fate.LOSSY, "the plugin of the block `image` builds the image; see its options")
_CLUSTER = Counterpart.always(
    Fate.LOSSY, "write `aks_cluster: {subscription_id: ID, resource_group: GROUP, name: NAME}`"
)
_PROBE = Counterpart.always(Fate.LOSSY, "Lading sets the probes: `start_timeout` and `patch` change them")
_LIMITS = Counterpart.always(
    Fate.UNSUPPORTED, "a pod queues requests without this limit; an ingress controller can have one"
)

_RULES: dict[str, CounterpartRule] = {
    "cpu_cores": _cpu,
    "memory_gb": _memory,
    "cpu_cores_limit": _LIMIT,
    "memory_gb_limit": _LIMIT,
    "gpu_cores": _gpus,
    "num_replicas": Counterpart.under("replicas"),
    "autoscale_refresh_seconds": Counterpart.always(
        Fate.UNSUPPORTED, "the cluster decides how often it measures the load"
    ),
    "auth_enabled": _auth,
    "token_auth_enabled": Counterpart.always(
        Fate.UNSUPPORTED, "requests cannot carry a token; `auth: key` asks for a key"
    ),
    "primary_key": _KEYS,
    "secondary_key": _KEYS,
    "properties": Counterpart.always(Fate.LOSSY, "write them as `annotations`"),
    "tags": Counterpart.always(Fate.LOSSY, "write them as `labels` or `annotations`"),
    "description": Counterpart.always(Fate.LOSSY, "write it as one of the `annotations`"),
    "enable_app_insights": Counterpart.always(Fate.UNSUPPORTED, "the metrics at /metrics are for Prometheus"),
    "collect_model_data": Counterpart.always(Fate.UNSUPPORTED, "requests are not collected"),
    "recreate": Counterpart.always(Fate.MAPPED, "not needed: a release comes up beside the old one"),
    "base_image": _BASE,
    "dockerfile": _BASE,
    "base_image_registry": _BASE,
    "compute_target_name": _CLUSTER,
    "attach": _CLUSTER,
    "provision": Counterpart.always(Fate.UNSUPPORTED, "the cluster must exist: `az aks create` makes one"),
    "scoring_timeout_ms": _LIMITS,
    "replica_max_concurrent_requests": _LIMITS,
    "max_request_wait_time": _LIMITS,
    "period_seconds": _PROBE,
    "initial_delay_seconds": _PROBE,
    "timeout_seconds": _PROBE,
    "success_threshold": _PROBE,
    "failure_threshold": _PROBE,
    "blobfuse_enabled": Counterpart.always(Fate.UNSUPPORTED, "the image has the model, so nothing is downloaded"),
}
"""The options of `aks` that have another name or meaning here. Those with the same one are left out."""
