"""The fate of the options of `aci` and `aks` on `managed-online`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lading import Counterpart, CounterpartRule, Fate

from . import from_v1
from .autoscale import Autoscale
from .from_v1 import autoscaled, lossy, replicas, unsupported
from .sizes import size_of, smallest

_LIMITS, _PERCENT = ("autoscale_min_replicas", "autoscale_max_replicas"), "autoscale_target_utilization"
_MOST_CPU = 99  # of `autoscale.cpu`
_SEE = "see autoscale_enabled"
_OF_TIME = "the percent is of the processor time, not of busy containers"
_CORES, _MEMORY = 0.1, 0.5  # what Azure gives a container whose block leaves them out


def counterparts(plugin: str, given: Mapping[str, Any], options: Any) -> dict[str, Counterpart]:
    """The fate of each known option of a block of `aci` or `aks`."""
    if plugin not in ("aci", "aks"):
        return {}
    found = {name: RULES[name](options, value) for name, value in given.items() if name in RULES}
    if "autoscale_enabled" in given:
        found |= _autoscaler(options.autoscale, given)
    sized = _size(given.get("cpu_cores") or _CORES, given.get("memory_gb") or _MEMORY, options.instance_type)
    return found | {name: sized for name in ("cpu_cores", "memory_gb") if name in given}


def _size(cores: float, memory: float, instance_type: str) -> Counterpart:
    """The fate of the cores and the memory of a container: an instance is a whole machine."""
    present, wanted = size_of(instance_type), smallest(cores, memory)
    if wanted is None:
        return Counterpart(fate=Fate.UNSUPPORTED, detail=f"no known instance has {cores:g} cores and {memory:g} GB")
    line = f"`instance_type: {wanted.name}`"
    if present is None:
        return Counterpart(fate=Fate.LOSSY, detail=f"the size of {instance_type} is not known; {line} is enough")
    if not present.holds(cores, memory):
        return Counterpart(fate=Fate.LOSSY, detail=f"write {line}: {present}; {wanted}")
    more = "" if present == wanted else f"; {line} is enough"
    return Counterpart(fate=Fate.MAPPED, detail=f"as instance_type, {present}{more}")


def _autoscaler(scale: Autoscale | None, given: Mapping[str, Any]) -> dict[str, Counterpart]:
    """The fate of the autoscaler: the line for `autoscale_enabled` has all of it, and the others point there."""
    limits = (scale.min, scale.max) if scale else None
    percent = given.get(_PERCENT)
    cpu = min(percent, _MOST_CPU) if percent else None
    form = "{{min: {}, max: {}" + (f", cpu: {cpu}" if cpu else "") + "}}"
    whole = autoscaled(given, "autoscale", limits, form, is_same=not cpu or (scale is not None and scale.cpu == cpu))
    found = {name: Counterpart(fate=whole.fate, detail=_SEE) for name in _LIMITS if name in given}
    if percent:
        found[_PERCENT] = Counterpart(fate=Fate.LOSSY, detail=f"{_OF_TIME}; {_SEE}")
    return {**found, "autoscale_enabled": whole}


def _utilization(options: Any, value: int) -> Counterpart:
    cpu = min(value, _MOST_CPU)
    there = "" if options.autoscale and options.autoscale.cpu == cpu else f"; write `autoscale: {{cpu: {cpu}}}`"
    return Counterpart(fate=Fate.LOSSY, detail=f"{_OF_TIME}{there}")


def _private(options: Any, _value: str) -> Counterpart:
    """A container in a virtual network answers only there."""
    return Counterpart.at("public_network_access", "disabled", options.public_network_access)


def _ssl(_options: Any, value: bool) -> Counterpart:
    fate = Fate.MAPPED if value else Fate.LOSSY
    return Counterpart(fate=fate, detail="an online endpoint always answers with HTTPS, under Azure's host name")


_CERTIFICATE = unsupported("Azure has the certificate; another host name needs a gateway before the endpoint")
_LIMIT = lossy("a container may use its whole instance, so `instance_type` is the limit")
_MACHINES = unsupported("Azure manages the machines; it uses neither a cluster nor a namespace of yours")
_VAULT = unsupported("customer-managed keys belong to the workspace")

RULES: dict[str, CounterpartRule] = {
    **from_v1.RULES,
    "location": lossy("the endpoint is in the region of the workspace"),
    "ssl_enabled": _ssl,
    "ssl_cert_pem_file": _CERTIFICATE,
    "ssl_key_pem_file": _CERTIFICATE,
    "ssl_cname": _CERTIFICATE,
    "dns_name_label": lossy("the host name begins with the name of the endpoint: `service_name`"),
    "cmk_vault_base_url": _VAULT,
    "cmk_key_name": _VAULT,
    "cmk_key_version": _VAULT,
    "vnet_name": _private,
    "subnet_name": _private,
    "compute_target_name": _MACHINES,
    "attach": _MACHINES,
    "provision": _MACHINES,
    "namespace": _MACHINES,
    "num_replicas": replicas("autoscale"),
    "autoscale_min_replicas": Counterpart.under("autoscale.min"),
    "autoscale_max_replicas": Counterpart.under("autoscale.max"),
    "autoscale_refresh_seconds": unsupported("Azure Monitor measures each minute"),
    _PERCENT: _utilization,
    "cpu_cores_limit": _LIMIT,
    "memory_gb_limit": _LIMIT,
    "gpu_cores": lossy("choose an `instance_type` with GPUs: Standard_NC4as_T4_v3 has one"),
}
"""The options of `aci` and `aks` with another name or meaning here, without the sizes and
`autoscale_enabled`."""
