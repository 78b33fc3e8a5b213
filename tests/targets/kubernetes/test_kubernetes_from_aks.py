"""The fate of the options of `aks` on `kubernetes`: each one is kept, mapped, or lost for a reason."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from lading_azureml_services.options import AksOptions
from lading_kubernetes import from_aks
from lading_kubernetes.options import Autoscale, KubernetesOptions

NAMES = {field.name for field in fields(AksOptions)}


def test_each_option_of_aks_has_a_fate() -> None:
    known = {*from_aks._RULES, *from_aks._SCALING, from_aks._ENABLED}
    assert NAMES - known == {"env", "namespace"}  # by their names
    assert known <= NAMES


@pytest.mark.parametrize(
    ("options", "name", "value", "expected"),
    [
        ({}, "cpu_cores", 0.5, ("mapped", "as cpu")),
        ({"cpu": "1"}, "cpu_cores", 1, ("mapped", "as cpu")),
        ({}, "cpu_cores", 1.8, ("lossy", "write `cpu: 1800m`; it is 500m there")),
        ({}, "memory_gb", 0.5, ("mapped", "as memory")),
        ({"memory": "1Gi"}, "memory_gb", 1.5, ("lossy", "write `memory: 1536Mi`; it is 1Gi there")),
        ({"replicas": 3}, "num_replicas", 3, ("mapped", "as replicas")),
        ({}, "num_replicas", 3, ("lossy", "write `replicas: 3`; it is 1 there")),
        ({}, "autoscale_enabled", True, ("lossy", "write `autoscale: {min: 1, max: 10, cpu: 70}`")),
        ({}, "autoscale_enabled", False, ("mapped", "as autoscale")),
        ({"autoscale": Autoscale(min=2, max=9)}, "autoscale_enabled", False, ("lossy", "remove `autoscale`")),
        ({}, "gpu_cores", 1, ("lossy", "write `resources: {nvidia.com/gpu: 1}`")),
        ({"resources": {"nvidia.com/gpu": 1}}, "gpu_cores", 1, ("mapped", "as resources")),
        ({}, "auth_enabled", True, ("lossy", "write `auth: key`; it is none there")),
        ({"auth": "key"}, "auth_enabled", True, ("mapped", "as auth")),
    ],
)
def test_a_value_is_compared_with_its_place_in_the_new_block(
    options: dict[str, Any], name: str, value: Any, expected: tuple[str, str]
) -> None:
    found = KubernetesOptions(**options).counterparts("aks", {name: value})[name]
    assert (found.fate, found.detail) == expected


def test_one_line_has_all_options_of_the_autoscaler() -> None:
    given = {"autoscale_enabled": True, "autoscale_min_replicas": 2, "autoscale_target_utilization": 60}
    found = KubernetesOptions().counterparts("aks", given)
    assert found["autoscale_enabled"].detail == "write `autoscale: {min: 2, max: 10, cpu: 60}`"
    assert found["autoscale_min_replicas"].detail == "see autoscale_enabled"
    written = KubernetesOptions(autoscale=Autoscale(min=2, max=10, cpu=60)).counterparts("aks", given)
    assert [written[name].fate for name in given] == ["mapped", "mapped", "lossy"]


def test_options_of_other_plugins_are_compared_by_name() -> None:
    assert KubernetesOptions().counterparts("aci", {"cpu_cores": 2}) == {}
