"""The fate of the options of `aci` and `aks` on online endpoints: each one is kept, mapped, or lost for a reason."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from lading import Options
from lading_azureml_online import kubernetes_from_v1, managed_from_v1
from lading_azureml_online.autoscale import Autoscale
from lading_azureml_online.naming import GPU
from lading_azureml_online.options import (
    KubernetesOnlineOptions,
    ManagedOptions,
    OnlineOptions,
    Probe,
    RequestSettings,
    Resources,
    ScaleSettings,
)
from lading_azureml_online.sizes import SIZES, size_of, smallest
from lading_azureml_services.options import AciOptions, AksOptions

SIZED = {"cpu_cores", "memory_gb"}
TOGETHER = {*SIZED, "autoscale_enabled"}  # whose fate depends on other options, too


def names(options: type[Options]) -> set[str]:
    return {field.name for field in fields(options)}


def fate(plugin: str, name: str, options: OnlineOptions, **given: Any) -> tuple[str, str]:
    found = options.counterparts(plugin, given)[name]
    return found.fate, found.detail


def managed(instance_type: str = "Standard_DS2_v2", **more: Any) -> ManagedOptions:
    return ManagedOptions(instance_type=instance_type, **more)


def on_kubernetes(**more: Any) -> KubernetesOnlineOptions:
    return KubernetesOnlineOptions(compute="aks", **more)


def scaled(**more: Any) -> KubernetesOnlineOptions:
    return on_kubernetes(scale_settings=ScaleSettings(type="target_utilization", **more))


@pytest.mark.parametrize("kind", [AciOptions, AksOptions])
def test_each_option_of_v1_has_a_fate(kind: type[Options]) -> None:
    assert names(kind) - managed_from_v1.RULES.keys() - TOGETHER <= names(ManagedOptions)


def test_each_option_of_aks_has_a_fate_on_a_cluster() -> None:
    known = {*kubernetes_from_v1.RULES, "autoscale_enabled"}
    assert names(AksOptions) - known == {"env", "tags", "description"}  # by their names
    assert known <= names(AksOptions)
    assert not known & names(KubernetesOnlineOptions)


def test_each_rule_is_for_an_option_of_v1() -> None:
    assert managed_from_v1.RULES.keys() <= names(AciOptions) | names(AksOptions)
    assert not managed_from_v1.RULES.keys() & names(ManagedOptions)


@pytest.mark.parametrize(
    ("cores", "memory", "name"),
    [
        (0.1, 0.5, "Standard_DS1_v2"),
        (1, 3.5, "Standard_DS1_v2"),
        (1, 4, "Standard_F2s_v2"),
        (2, 7, "Standard_DS2_v2"),
        (2, 8, "Standard_D2as_v4"),
        (2, 12, "Standard_E2s_v3"),
        (3, 8, "Standard_F4s_v2"),
        (60, 100, "Standard_F64s_v2"),
    ],
)
def test_the_smallest_instance_holds_cores_and_memory(cores: float, memory: float, name: str) -> None:
    found = smallest(cores, memory)
    assert found is not None
    assert found.name == name
    assert size_of(name.upper()) == found


def test_no_instance_has_everything() -> None:
    assert smallest(97, 1) is smallest(1, 500) is size_of("Standard_X1") is None
    assert len({size.name for size in SIZES}) == len(SIZES)


@pytest.mark.parametrize(
    ("instance_type", "given", "expected"),
    [
        (
            "Standard_DS2_v2",
            {"cpu_cores": 1.8, "memory_gb": 6},
            ("mapped", "as instance_type, Standard_DS2_v2 has 2 cores and 7 GiB"),
        ),
        (
            "standard_ds3_v2",
            {"cpu_cores": 1},
            (
                "mapped",
                "as instance_type, Standard_DS3_v2 has 4 cores and 14 GiB; `instance_type: Standard_DS1_v2` is enough",
            ),
        ),
        (
            "Standard_DS1_v2",
            {"cpu_cores": 2, "memory_gb": 4},
            (
                "lossy",
                "write `instance_type: Standard_F2s_v2`: Standard_DS1_v2 has 1 core and 3.5 GiB; "
                "Standard_F2s_v2 has 2 cores and 4 GiB",
            ),
        ),
        (
            "Standard_NC4as_T4_v3",
            {"cpu_cores": 2},
            ("lossy", "the size of Standard_NC4as_T4_v3 is not known; `instance_type: Standard_F2s_v2` is enough"),
        ),
        ("Standard_DS2_v2", {"cpu_cores": 97}, ("unsupported", "no known instance has 97 cores and 0.5 GB")),
    ],
)
def test_cores_and_memory_become_an_instance(
    instance_type: str, given: dict[str, float], expected: tuple[str, str]
) -> None:
    for name in given:
        assert fate("aci", name, managed(instance_type), **given) == expected


def test_a_value_is_compared_with_its_place_in_the_new_block() -> None:
    options = managed(request_settings=RequestSettings(request_timeout_ms=9000), liveness_probe=Probe(period=5))
    assert fate("aks", "scoring_timeout_ms", options, scoring_timeout_ms=9000) == (
        "mapped",
        "as request_settings.request_timeout_ms",
    )
    assert fate("aks", "period_seconds", options, period_seconds=7) == (
        "lossy",
        "write `liveness_probe: {period: 7}`; it is 5 there",
    )
    assert fate("aks", "max_request_wait_time", options, max_request_wait_time=80) == (
        "lossy",
        "write `request_settings: {max_queue_wait_ms: 80}`",
    )
    assert fate("aks", "num_replicas", options, num_replicas=3) == ("lossy", "write `instance_count: 3`; it is 1 there")


def test_the_way_of_signing_requests_is_compared() -> None:
    assert fate("aci", "auth_enabled", managed(), auth_enabled=True) == ("mapped", "as auth, key there")
    assert fate("aci", "auth_enabled", managed(), auth_enabled=False)[0] == "unsupported"
    assert fate("aks", "token_auth_enabled", managed(), token_auth_enabled=True) == (
        "lossy",
        "write `auth: aml_token`; it is key there",
    )
    assert fate("aks", "token_auth_enabled", managed(auth="aml_token"), token_auth_enabled=True)[0] == "mapped"


def test_a_virtual_network_asks_for_an_endpoint_without_public_access() -> None:
    assert fate("aci", "vnet_name", managed(), vnet_name="v") == ("lossy", "write `public_network_access: disabled`")
    assert fate("aci", "vnet_name", managed(public_network_access="disabled"), vnet_name="v")[0] == "mapped"


CLUSTER = (
    "lossy",
    "attach the cluster again with `az ml compute attach --type Kubernetes`, and write its name as `compute`",
)
LIMITED = Resources(requests={"cpu": "0.5", "memory": "1Gi"}, limits={"memory": "2Gi", GPU: "1"})


@pytest.mark.parametrize(
    ("options", "name", "value", "expected"),
    [
        (on_kubernetes(), "cpu_cores", 0.5, ("lossy", "write `resources: {requests: {cpu: 500m}}`")),
        (on_kubernetes(resources=LIMITED), "cpu_cores", 0.5, ("mapped", "as resources.requests")),
        (on_kubernetes(resources=LIMITED), "memory_gb", 1, ("mapped", "as resources.requests")),
        (
            on_kubernetes(resources=LIMITED),
            "memory_gb_limit",
            1.5,
            ("lossy", "write `resources: {limits: {memory: 1536Mi}}`; it is 2Gi there"),
        ),
        (on_kubernetes(), "cpu_cores_limit", 2, ("lossy", "write `resources: {limits: {cpu: 2000m}}`")),
        (on_kubernetes(), "gpu_cores", 1, ("lossy", 'write `resources: {limits: {nvidia.com/gpu: "1"}}`')),
        (on_kubernetes(), "gpu_cores", 0, ("mapped", "as resources.limits")),
        (on_kubernetes(resources=LIMITED), "gpu_cores", 1, ("mapped", "as resources.limits")),
        (on_kubernetes(instance_count=3), "num_replicas", 3, ("mapped", "as instance_count")),
        (on_kubernetes(), "num_replicas", 3, ("lossy", "write `instance_count: 3`; it is 1 there")),
        (scaled(), "num_replicas", 1, ("lossy", "write `instance_count: 1`, and remove `scale_settings`")),
        (
            scaled(min_instances=2, max_instances=9),
            "autoscale_max_replicas",
            9,
            ("mapped", "as scale_settings.max_instances"),
        ),
        (
            scaled(polling_interval=5),
            "autoscale_refresh_seconds",
            3,
            ("lossy", "write `scale_settings: {polling_interval: 3}`; it is 5 there"),
        ),
        (
            on_kubernetes(),
            "autoscale_target_utilization",
            80,
            ("lossy", "write `scale_settings: {target_utilization_percentage: 80}`"),
        ),
        (on_kubernetes(app_insights_enabled=True), "enable_app_insights", True, ("mapped", "as app_insights_enabled")),
        (on_kubernetes(auth="aml_token"), "token_auth_enabled", True, ("mapped", "as auth")),
        (on_kubernetes(), "compute_target_name", "aks", CLUSTER),
        (on_kubernetes(), "period_seconds", 7, ("lossy", "write `liveness_probe: {period: 7}`")),
    ],
)
def test_a_value_of_aks_is_compared_with_its_place_on_a_cluster(
    options: KubernetesOnlineOptions, name: str, value: Any, expected: tuple[str, str]
) -> None:
    assert fate("aks", name, options, **{name: value}) == expected


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [
        (
            on_kubernetes(),
            {"autoscale_enabled": True},
            (
                "lossy",
                "write `scale_settings: {type: target_utilization, min_instances: 1, max_instances: 10}`",
            ),
        ),
        (
            scaled(max_instances=3),
            {"autoscale_enabled": True, "autoscale_min_replicas": 2},
            (
                "lossy",
                "write `scale_settings: {type: target_utilization, min_instances: 2, max_instances: 10}`; 1 to 3 there",
            ),
        ),
        (scaled(max_instances=10), {"autoscale_enabled": True}, ("mapped", "as scale_settings")),
        (scaled(max_instances=10), {"autoscale_enabled": False}, ("lossy", "remove `scale_settings`")),
        (on_kubernetes(), {"autoscale_enabled": False}, ("mapped", "as instance_count")),
    ],
)
def test_an_autoscaler_of_aks_keeps_its_limits(
    options: KubernetesOnlineOptions, given: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert fate("aks", "autoscale_enabled", options, **given) == expected


@pytest.mark.parametrize(
    ("autoscale", "given", "expected"),
    [
        (None, {"autoscale_enabled": True}, ("lossy", "write `autoscale: {min: 1, max: 10}`")),
        (
            Autoscale(min=1, max=3),
            {"autoscale_enabled": True, "autoscale_min_replicas": 2},
            ("lossy", "write `autoscale: {min: 2, max: 10}`; 1 to 3 there"),
        ),
        (Autoscale(min=1, max=10), {"autoscale_enabled": True}, ("mapped", "as autoscale")),
        (Autoscale(min=1, max=10), {"autoscale_enabled": False}, ("lossy", "remove `autoscale`")),
        (None, {"autoscale_enabled": False}, ("mapped", "as instance_count")),
        (Autoscale(min=1, max=3), {"autoscale_max_replicas": 3}, ("mapped", "as autoscale.max")),
        (Autoscale(min=1, max=3), {"num_replicas": 2}, ("lossy", "write `instance_count: 2`, and remove `autoscale`")),
        (
            Autoscale(min=1, max=3),
            {"autoscale_target_utilization": 100},
            (
                "lossy",
                "the percent is of the processor time, not of busy containers; write `autoscale: {cpu: 99}`",
            ),
        ),
    ],
)
def test_an_autoscaler_of_aks_becomes_a_setting_of_azure_monitor(
    autoscale: Autoscale | None, given: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert fate("aks", next(iter(given)), managed(autoscale=autoscale), **given) == expected


@pytest.mark.parametrize(
    ("scale", "percent", "expected"),
    [
        (None, 100, ("lossy", "write `autoscale: {min: 2, max: 10, cpu: 99}`")),
        (Autoscale(min=2, max=10), 80, ("lossy", "write `autoscale: {min: 2, max: 10, cpu: 80}`; 2 to 10 there")),
        (Autoscale(min=2, max=10, cpu=99), 100, ("mapped", "as autoscale")),
    ],
)
def test_one_line_has_the_whole_autoscaler(scale: Autoscale | None, percent: int, expected: tuple[str, str]) -> None:
    given = {"autoscale_min_replicas": 2, "autoscale_target_utilization": percent, "autoscale_enabled": True}
    assert fate("aks", "autoscale_enabled", managed(autoscale=scale), **given) == expected
    assert fate("aks", "autoscale_min_replicas", managed(autoscale=scale), **given)[1] == "see autoscale_enabled"


def test_options_of_other_plugins_are_compared_by_name() -> None:
    assert on_kubernetes().counterparts("aci", {"cpu_cores": 2}) == {}
    assert managed().counterparts("container", {"cpu_cores": 2}) == {}
    assert managed().counterparts("aci", {"env": {"A": "secret"}, "tags": {}}) == {}
