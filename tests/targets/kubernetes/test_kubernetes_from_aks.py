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
    assert NAMES - from_aks._RULES.keys() == {"env", "namespace"}  # by their names
    assert from_aks._RULES.keys() <= NAMES


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
        ({}, "autoscale_enabled", True, ("lossy", "write `autoscale: {min: 1, max: 10}`")),
        ({}, "autoscale_enabled", False, ("mapped", "as autoscale")),
        ({"autoscale": Autoscale(min=2, max=9)}, "autoscale_max_replicas", 9, ("mapped", "as autoscale.max")),
        (
            {"autoscale": Autoscale(min=2, max=9)},
            "autoscale_max_replicas",
            8,
            ("lossy", "write `autoscale: {max: 8}`; it is 9 there"),
        ),
        ({}, "autoscale_min_replicas", 2, ("lossy", "write `autoscale: {min: 2}`")),
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


def test_options_of_other_plugins_are_compared_by_name() -> None:
    assert KubernetesOptions().counterparts("aci", {"cpu_cores": 2}) == {}
