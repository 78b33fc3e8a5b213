"""The fate of the options of `aci` and `aks` on `managed-online`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lading import Counterpart, Fate

from .sizes import size_of, smallest

_Rule = Callable[[Any, Any], Counterpart]
"""The fate of a value with the options of the new block, which import this module."""
_CORES, _MEMORY = 0.1, 0.5  # what Azure gives a container whose block leaves them out


def counterparts(plugin: str, given: Mapping[str, Any], options: Any) -> dict[str, Counterpart]:
    """The fate of each known option of a block of `aci` or `aks`."""
    if plugin not in ("aci", "aks"):
        return {}
    found = {name: _RULES[name](options, value) for name, value in given.items() if name in _RULES}
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


def _as(option: str) -> _Rule:
    """A value that belongs in another option, with the same unit."""

    def rule(options: Any, value: Any) -> Counterpart:
        found: Any = options
        for name in option.split("."):
            found = getattr(found, name)
        return Counterpart.at(option, value, found)

    return rule


def _fate(fate: Fate, detail: str) -> _Rule:
    return lambda _options, _value: Counterpart(fate=fate, detail=detail)


def _lossy(detail: str) -> _Rule:
    return _fate(Fate.LOSSY, detail)


def _unsupported(detail: str) -> _Rule:
    return _fate(Fate.UNSUPPORTED, detail)


def _auth(options: Any, value: bool) -> Counterpart:
    if value:
        return Counterpart(fate=Fate.MAPPED, detail=f"as auth, {options.auth} there")
    return Counterpart(fate=Fate.UNSUPPORTED, detail="each request to an online endpoint needs a key or a token")


def _token(options: Any, value: bool) -> Counterpart:
    return Counterpart.at("auth", "aml_token" if value else "key", options.auth)


def _private(options: Any, _value: str) -> Counterpart:
    """A container in a virtual network answers only there."""
    return Counterpart.at("public_network_access", "disabled", options.public_network_access)


def _ssl(_options: Any, value: bool) -> Counterpart:
    fate = Fate.MAPPED if value else Fate.LOSSY
    return Counterpart(fate=fate, detail="an online endpoint always answers with HTTPS, under Azure's host name")


_CERTIFICATE = _unsupported("Azure has the certificate; another host name needs a gateway before the endpoint")
_BASE = _lossy("the plugin of the block `image` builds the image; see its options")
_KEYS = _lossy("Azure makes the keys: `lading keys` shows them, `--rotate` sets a fresh one")
_FIXED = _lossy("the number of instances is fixed: `instance_count`")
_LIMIT = _lossy("a container may use its whole instance, so `instance_type` is the limit")
_MACHINES = _unsupported("Azure manages the machines; it uses neither a cluster nor a namespace of yours")
_VAULT = _unsupported("customer-managed keys belong to the workspace")

_RULES: dict[str, _Rule] = {
    "properties": _lossy("write them as `tags`: an endpoint has tags"),
    "enable_app_insights": _as("app_insights_enabled"),
    "collect_model_data": _unsupported("requests are not collected; `app_insights_enabled: true` logs them"),
    "recreate": _fate(Fate.MAPPED, "not needed: a release comes up beside the old one"),
    "primary_key": _KEYS,
    "secondary_key": _KEYS,
    "base_image": _BASE,
    "dockerfile": _BASE,
    "base_image_registry": _BASE,
    "location": _lossy("the endpoint is in the region of the workspace"),
    "auth_enabled": _auth,
    "token_auth_enabled": _token,
    "ssl_enabled": _ssl,
    "ssl_cert_pem_file": _CERTIFICATE,
    "ssl_key_pem_file": _CERTIFICATE,
    "ssl_cname": _CERTIFICATE,
    "dns_name_label": _lossy("the host name begins with the name of the endpoint: `service_name`"),
    "cmk_vault_base_url": _VAULT,
    "cmk_key_name": _VAULT,
    "cmk_key_version": _VAULT,
    "vnet_name": _private,
    "subnet_name": _private,
    "compute_target_name": _MACHINES,
    "attach": _MACHINES,
    "provision": _MACHINES,
    "namespace": _MACHINES,
    "num_replicas": _as("instance_count"),
    "autoscale_enabled": _FIXED,
    "autoscale_min_replicas": _FIXED,
    "autoscale_max_replicas": _FIXED,
    "autoscale_refresh_seconds": _FIXED,
    "autoscale_target_utilization": _FIXED,
    "cpu_cores_limit": _LIMIT,
    "memory_gb_limit": _LIMIT,
    "gpu_cores": _lossy("choose an `instance_type` with GPUs: Standard_NC4as_T4_v3 has one"),
    "scoring_timeout_ms": _as("request_settings.request_timeout_ms"),
    "replica_max_concurrent_requests": _as("request_settings.max_concurrent_requests_per_instance"),
    "max_request_wait_time": _as("request_settings.max_queue_wait_ms"),
    "period_seconds": _as("liveness_probe.period"),
    "initial_delay_seconds": _as("liveness_probe.initial_delay"),
    "timeout_seconds": _as("liveness_probe.timeout"),
    "success_threshold": _as("liveness_probe.success_threshold"),
    "failure_threshold": _as("liveness_probe.failure_threshold"),
    "blobfuse_enabled": _unsupported("the image has the model, so nothing is downloaded"),
}
"""The options of `aci` and `aks` that have another name or meaning here. Those with the same one are left out."""
