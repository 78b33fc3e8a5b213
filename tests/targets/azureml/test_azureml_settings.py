"""Options of `aci` and `aks`: the allowed values, and the calls of Azure's SDK."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.target_kit import bound, problem

from lading import BadInput, Options
from lading_azureml_services.aci import ACI
from lading_azureml_services.aks import AKS
from lading_azureml_services.kind import Kind
from lading_azureml_services.options import AciOptions, AksOptions, Provision

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c"


@pytest.fixture
def context(tmp_path: Path) -> MemoryContext:
    return MemoryContext(tmp_path, variables={"FIRST": "k1", "SECOND": "k2"})


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("cpu_cores: -1", "5:29: targets.t.cpu_cores: must be more than 0"),
        ("memory_gb: 0.0", "5:29: targets.t.memory_gb: must be more than 0"),
        ('cpu_cores: "1"', '5:29: targets.t.cpu_cores: expected a number, found "1"'),
        ("auth_enabled: 1", "5:32: targets.t.auth_enabled: expected true or false, found 1"),
        ("tags: {a: 1}", '5:28: targets.t.tags.a: expected text, found 1: quote it, "1"'),
        ("tags: {ok: x, lading.x: y}", "5:18: targets.t.tags: names that begin with `lading.` are Lading's own"),
        ("vnet_name: ''", "5:29: targets.t.vnet_name: must have at least 1 characters"),
        ("subnet_name: s", "5:3: targets.t: vnet_name and subnet_name go together"),
        ("dockerfile: none", "5:30: targets.t.dockerfile: no such file or directory: {folder}/none"),
        (
            "ssl_enabled: false, ssl_cname: a.b",
            "5:31: targets.t.ssl_enabled: it must be true for the other ssl options",
        ),
        ("secondary_key: SECOND", "5:33: targets.t.secondary_key: it needs primary_key"),
        (
            "cmk_key_name: k, cmk_key_version: v",
            "5:3: targets.t: a customer-managed key needs cmk_vault_base_url, cmk_key_name and cmk_key_version",
        ),
        ("namespace: n", "5:18: targets.t.namespace: unknown key"),
    ],
)
def test_an_invalid_option_of_aci_is_refused_at_its_position(tmp_path: Path, block: str, expected: str) -> None:
    assert problem(tmp_path, AciOptions, block) == expected.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("num_replicas: 0", "5:32: targets.t.num_replicas: must be at least 1"),
        ("num_replicas: 1.5", "5:32: targets.t.num_replicas: expected a whole number, found 1.5"),
        ("gpu_cores: -1", "5:29: targets.t.gpu_cores: must be at least 0"),
        ("compute_target_name: a", "5:39: targets.t.compute_target_name: "),
        ("compute_target_name: Aks", "5:39: targets.t.compute_target_name: "),
        (f"compute_target_name: {'a' * 17}", "5:39: targets.t.compute_target_name: "),
        ("namespace: -n", "5:29: targets.t.namespace: "),
        ("autoscale_target_utilization: 101", "must be at most 100"),
        ("autoscale_target_utilization: 0", "must be at least 1"),
        ("provision: {agent_count: 0}", "targets.t.provision.agent_count: must be at least 1"),
        ("provision: {cluster_purpose: Prod}", "targets.t.provision.cluster_purpose: must be "),
        ("provision: {size: big}", "targets.t.provision.size: unknown key"),
        (f"attach: {ID}, provision: {{}}", "targets.t.provision: attach and provision exclude each other; keep one"),
        (f"attach: {ID}/x", "5:26: targets.t.attach: "),
        ("memory_gb: 2, memory_gb_limit: 1", "targets.t.memory_gb_limit: it is less than memory_gb"),
        ("autoscale_max_replicas: 3", "targets.t.autoscale_enabled: it must be true for the other autoscale options"),
        ("autoscale_enabled: false", "targets.t.num_replicas: it is needed if autoscale_enabled is false"),
        ("primary_key: FIRST, auth_enabled: false", "targets.t.primary_key: requests to this service carry no key"),
        (
            "primary_key: FIRST, token_auth_enabled: true",
            "targets.t.primary_key: requests to this service carry no key",
        ),
        ("dns_name_label: sal", "targets.t.dns_name_label: unknown key"),
    ],
)
def test_an_invalid_option_of_aks_is_refused_at_its_position(tmp_path: Path, block: str, expected: str) -> None:
    assert expected in problem(tmp_path, AksOptions, block)


@pytest.mark.parametrize(
    ("block", "settings"),
    [
        ("cpu_cores: 2", {"cpu_cores": 2.0, "auth_enabled": True}),
        ("auth_enabled: false", {"auth_enabled": False}),
        ("tags: {a: b}", {"auth_enabled": True}),
        ("base_image: ubuntu", {"auth_enabled": True}),
        ("properties: {a: b}", {"properties": {"a": "b"}, "auth_enabled": True}),
        ("properties: {}", {"auth_enabled": True}),
        ("collect_model_data: false", {"collect_model_data": False, "auth_enabled": True}),
        (
            "primary_key: FIRST, secondary_key: SECOND",
            {"primary_key": "k1", "secondary_key": "k2", "auth_enabled": True},
        ),
        (
            "vnet_name: v, subnet_name: s, location: oslo",
            {"vnet_name": "v", "subnet_name": "s", "location": "oslo", "auth_enabled": True},
        ),
    ],
)
def test_a_block_of_aci_becomes_arguments_of_the_sdk(
    tmp_path: Path, context: MemoryContext, block: str, settings: dict[str, Any]
) -> None:
    assert ACI.settings(bound(tmp_path, AciOptions, block), context) == settings


@pytest.mark.parametrize(
    ("block", "settings"),
    [
        ("", {"auth_enabled": True}),
        ("auth_enabled: true", {"auth_enabled": True}),
        ("auth_enabled: false", {"auth_enabled": False}),
        ("token_auth_enabled: false", {"token_auth_enabled": False, "auth_enabled": True}),
        ("token_auth_enabled: true", {"token_auth_enabled": True, "auth_enabled": False}),
        ("auth_enabled: false, token_auth_enabled: true", {"token_auth_enabled": True, "auth_enabled": False}),
        (f"attach: {ID}", {"auth_enabled": True}),
        ("provision: {agent_count: 1}", {"auth_enabled": True}),
        ("gpu_cores: 0", {"gpu_cores": 0, "auth_enabled": True}),
        (
            "autoscale_enabled: true, autoscale_min_replicas: 1, autoscale_max_replicas: 1",
            {
                "autoscale_enabled": True,
                "autoscale_min_replicas": 1,
                "autoscale_max_replicas": 1,
                "auth_enabled": True,
            },
        ),
        (
            "num_replicas: 2, autoscale_enabled: false, cpu_cores: 1, cpu_cores_limit: 1",
            {"num_replicas": 2, "autoscale_enabled": False, "cpu_cores": 1, "cpu_cores_limit": 1, "auth_enabled": True},
        ),
    ],
)
def test_a_block_of_aks_becomes_arguments_of_the_sdk(
    tmp_path: Path, context: MemoryContext, block: str, settings: dict[str, Any]
) -> None:
    found = AKS.settings(bound(tmp_path, AksOptions, block or "gpu_cores: null"), context)
    assert found == {"compute_target_name": "aks", **settings}


def test_files_are_passed_by_their_paths(tmp_path: Path, context: MemoryContext) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    block = "ssl_enabled: true, ssl_cert_pem_file: c.pem, ssl_key_pem_file: k.pem, ssl_cname: a.b, dockerfile: c.pem"
    assert ACI.settings(bound(tmp_path, AciOptions, block), context) == {
        "ssl_enabled": True,
        "ssl_cert_pem_file": str(tmp_path / "c.pem"),
        "ssl_key_pem_file": str(tmp_path / "k.pem"),
        "ssl_cname": "a.b",
        "auth_enabled": True,
    }


def test_a_key_with_an_unset_variable_is_named(context: MemoryContext) -> None:
    with pytest.raises(BadInput, match="the environment variable THIRD is not set"):
        ACI.settings(AciOptions(primary_key="THIRD"), context)


@pytest.mark.parametrize("kind", [ACI, AKS])
def test_an_update_contains_no_fixed_option(context: MemoryContext, kind: Kind) -> None:
    options = {ACI: AciOptions(cpu_cores=1, collect_model_data=True), AKS: AksOptions(blobfuse_enabled=True)}[kind]
    created = kind.settings(options, context)
    updated = kind.settings(options, context, update=True)
    assert set(created) - set(updated) == set(created) & set(kind.fixed) != set()
    assert updated.items() <= created.items()


CHANGES: list[tuple[Kind, Options, Options, bool]] = [
    (ACI, AciOptions(), AciOptions(tags={"a": "b"}), False),
    (ACI, AciOptions(), AciOptions(properties={"a": "b"}), False),
    (ACI, AciOptions(), AciOptions(auth_enabled=False), False),
    (ACI, AciOptions(), AciOptions(location="oslo"), True),
    (ACI, AciOptions(collect_model_data=True), AciOptions(collect_model_data=False), True),
    (ACI, AciOptions(primary_key="A"), AciOptions(primary_key="B"), True),
    (AKS, AksOptions(), AksOptions(compute_target_name="other"), True),
    (AKS, AksOptions(), AksOptions(namespace="n"), False),
    (AKS, AksOptions(), AksOptions(provision=Provision(agent_count=1)), False),
    (AKS, AksOptions(provision=Provision(agent_count=1)), AksOptions(provision=Provision(agent_count=2)), False),
]


@pytest.mark.parametrize(("kind", "old", "new", "fixed"), CHANGES)
def test_each_change_changes_the_digests(kind: Kind, old: Options, new: Options, fixed: bool) -> None:
    before, after = kind.digests(old), kind.digests(new)
    assert before[0] != after[0]
    assert (before[1] != after[1]) == fixed
    assert kind.digests(replace(new)) == after


def test_an_empty_value_changes_no_digest() -> None:
    """A new option in a new version must not make existing services look changed."""
    assert ACI.digests(AciOptions(tags={}, properties={}, location=None)) == ACI.digests(AciOptions())


def test_the_digest_of_a_file_option_depends_on_its_content(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.pem", "b.pem", "c.pem")]
    for file, text in zip(files, ("same", "same", "other"), strict=True):
        file.write_text(text, encoding="utf-8")
    first, second, third = (ACI.digests(AciOptions(dockerfile=file)) for file in files)
    assert first == second != third


def test_the_digests_of_running_services_stay_the_same() -> None:
    """A service has its digests as tags. Another digest for the same options would update every service."""
    assert ACI.digests(AciOptions(cpu_cores=1, memory_gb=0.5)) == (
        "44f0a33b17e0068149734c4eed8cbe0a225288f9e71d28fe9e8c618b47895ea0",
        "2b8b5fddda8f3b03bda79b91f7fdc0fde0a887ea56883209ee6a4c232e5757d8",
    )
    assert AKS.digests(AksOptions(num_replicas=2, provision=Provision(agent_count=3))) == (
        "5bd2e32c0666c80d4f62764a2bf3047e7d45d069af18a48521df305d4543b61a",
        "2f7fa1486a4ab0bcdc650043a6c9066b4c10b85505c62729b9b25f6e1447227c",
    )


@pytest.mark.parametrize(("kind", "options"), [(ACI, AciOptions), (AKS, AksOptions)])
def test_every_fixed_option_is_an_option(kind: Kind, options: type[Options]) -> None:
    names = {item.name for item in fields(options)}
    assert {*kind.fixed, *kind.own} <= names
    assert {"primary_key", "secondary_key"} <= set(kind.fixed)
