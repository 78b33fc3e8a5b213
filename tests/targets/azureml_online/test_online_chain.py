"""One manifest and one package from this machine to each kind of service of Azure ML. Only the target changes.

The file has one test, so that each sample of the tests has it.
"""

from __future__ import annotations

import pytest
from arm_client import Arm
from offline_azure.fixture import require_sdk
from tests.targets.azureml_online.online_project import Project

TARGETS = ("local", "aci", "managed-online", "kubernetes-online")
BLOCKS = """\
  aci: {connection: azureml, cpu_cores: 1, memory_gb: 1}
  kubernetes-online: {compute: aks, service_name: salary-svc-aks}
"""


def add_targets(project: Project) -> None:
    """Add `aci` of SDK v1, and a cluster that is attached to the workspace."""
    place = project.azure.workspace
    group = f"/subscriptions/{place.subscription_id}/resourceGroups/{place.resource_group}"
    cluster = f"{group}/providers/Microsoft.ContainerService/managedClusters/aks"
    attached = {"properties": {"computeType": "AKS", "resourceId": cluster}}
    assert Arm(project.azure)("PUT", "/computes/aks", attached).status == 201
    names = f"subscription_id: {place.subscription_id}, resource_group: {place.resource_group}"
    account = f"  azureml: {{{names}, workspace: {place.workspace}}}\n"
    text = (project.shell.folder / "lading.yaml").read_text(encoding="utf-8")
    project.shell.write("lading.yaml", text.replace("targets:\n", f"{account}targets:\n") + BLOCKS)


@pytest.mark.slow
def test_one_word_moves_one_package_through_all_services(project: Project) -> None:
    require_sdk()
    add_targets(project)
    packages = set()
    for target in TARGETS:
        project("deploy", target=target)
        row = project.row("status", target=target)
        assert row["state"] == "running", row
        packages.add(row["package"])
        assert project.scores(target) == "[141760.56910569107]\n"
    assert len(packages) == 1
    assert packages != {""}
    assert len(project.deployments) == 2
    for target in TARGETS:
        project("delete", target=target)
    state = project.azure.state
    assert (state["services"], state["v2"]["endpoints"], project.deployments) == ({}, {}, [])
