"""The fates of the options of `aci` and `aks` that are the same on all kinds of online endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lading import Counterpart, CounterpartRule, Fate


def lossy(detail: str) -> CounterpartRule:
    return Counterpart.always(Fate.LOSSY, detail)


def unsupported(detail: str) -> CounterpartRule:
    return Counterpart.always(Fate.UNSUPPORTED, detail)


def _auth(options: Any, value: bool) -> Counterpart:
    if value:
        return Counterpart(fate=Fate.MAPPED, detail=f"as auth, {options.auth} there")
    return Counterpart(fate=Fate.UNSUPPORTED, detail="each request to an online endpoint needs a key or a token")


def _token(options: Any, value: bool) -> Counterpart:
    return Counterpart.at("auth", "aml_token" if value else "key", options.auth)


def _collected(options: Any, value: bool) -> Counterpart:
    if value == bool(options.data_collector):
        return Counterpart(fate=Fate.MAPPED, detail="as data_collector")
    line = "`data_collector: {collections: {request: {enabled: true}, response: {enabled: true}}}`"
    return Counterpart(fate=Fate.LOSSY, detail=f"write {line}" if value else "remove `data_collector`")


def replicas(scaling: str) -> CounterpartRule:
    """The rule for a fixed number of containers. The option `scaling` sets a number that follows the load."""

    def rule(options: Any, value: int) -> Counterpart:
        if getattr(options, scaling):
            detail = f"write `instance_count: {value}`, and remove `{scaling}`"
            return Counterpart(fate=Fate.LOSSY, detail=detail)
        return Counterpart.at("instance_count", value, options.instance_count)

    return rule


def autoscaled(
    given: Mapping[str, Any], option: str, limits: tuple[int, int] | None, form: str, *, is_same: bool = True
) -> Counterpart:
    """The fate of the autoscaler of `aks`. Both of its limits have other defaults here.

    `limits` are those of `option`, if it is set. `form` is its value, with a field for each limit. `is_same` is
    false if another part of it differs.
    """
    if not given["autoscale_enabled"]:
        detail = f"remove `{option}`" if limits else "as instance_count"
        return Counterpart(fate=Fate.LOSSY if limits else Fate.MAPPED, detail=detail)
    wanted = given.get("autoscale_min_replicas") or _MIN, given.get("autoscale_max_replicas") or _MAX
    if limits == wanted and is_same:
        return Counterpart(fate=Fate.MAPPED, detail=f"as {option}")
    there = f"; {limits[0]} to {limits[1]} there" if limits else ""
    return Counterpart(fate=Fate.LOSSY, detail=f"write `{option}: {form.format(*wanted)}`{there}")


_MIN, _MAX = 1, 10  # the containers of an autoscaler of `aks` whose block leaves them out
_BASE = lossy("the plugin of the block `image` builds the image, or Azure with `environment: {image: BASE}`")
_KEYS = lossy("Azure makes the keys: `lading keys` shows them, `--rotate` sets a fresh one")

RULES: dict[str, CounterpartRule] = {
    "properties": lossy("write them as `tags`: an endpoint has tags"),
    "enable_app_insights": Counterpart.under("app_insights_enabled"),
    "collect_model_data": _collected,
    "recreate": Counterpart.always(Fate.MAPPED, "not needed: a release comes up beside the old one"),
    "primary_key": _KEYS,
    "secondary_key": _KEYS,
    "base_image": Counterpart.under("environment.image"),
    "dockerfile": _BASE,
    "base_image_registry": _BASE,
    "auth_enabled": _auth,
    "token_auth_enabled": _token,
    "scoring_timeout_ms": Counterpart.under("request_settings.request_timeout_ms"),
    "replica_max_concurrent_requests": Counterpart.under("request_settings.max_concurrent_requests_per_instance"),
    "max_request_wait_time": Counterpart.under("request_settings.max_queue_wait_ms"),
    "period_seconds": Counterpart.under("liveness_probe.period"),
    "initial_delay_seconds": Counterpart.under("liveness_probe.initial_delay"),
    "timeout_seconds": Counterpart.under("liveness_probe.timeout"),
    "success_threshold": Counterpart.under("liveness_probe.success_threshold"),
    "failure_threshold": Counterpart.under("liveness_probe.failure_threshold"),
    "blobfuse_enabled": unsupported("the image has the model, or Azure copies it"),
}
"""The options with another name or meaning on an online endpoint. Those with the same one are left out."""
