"""The conformance of the targets for online endpoints, with the offline Azure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from arm_client import Arm
from offline_azure.client import Azure

from lading.testing import TargetConformance

pytestmark = pytest.mark.slow


def connection_of(azure: Azure) -> Mapping[str, Mapping[str, str]]:
    place = azure.workspace
    names = {"resource_group": place.resource_group, "workspace": place.workspace}
    return {"azureml-v2": {"subscription_id": place.subscription_id, **names}}


class Online(TargetConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, workspace: Azure, install: Callable[[str], Path]) -> Mapping[str, str]:
        return {**workspace.environ, "PYTHONPATH": str(install("unpacked"))}

    @pytest.fixture(scope="class")
    @classmethod
    def target_image(cls, workspace: Azure, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
        folder = str(tmp_path_factory.mktemp("images"))
        workspace.settings(images=folder, retry_after=0)
        return {"plugin": "unpacked", "folder": folder}

    @pytest.fixture(scope="class")
    @classmethod
    def target_connections(cls, workspace: Azure) -> Mapping[str, Mapping[str, str]]:
        return connection_of(workspace)

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, workspace: Azure) -> Callable[[str], Sequence[str]]:
        """All endpoints and deployments in the workspace whose names start with the name of the service."""

        def things(service: str) -> list[str]:
            found = workspace.state["v2"]
            return [
                f"{kind} {name}" for kind in ("endpoints", "deployments") for name in found[kind] if service in name
            ]

        return things


class TestManagedOnline(Online):
    target = "managed-online"
    options: ClassVar = {"instance_type": "Standard_DS2_v2"}


class TestKubernetesOnline(Online):
    target = "kubernetes-online"
    options: ClassVar = {"compute": "aks"}

    @pytest.fixture(scope="class")
    @classmethod
    def target_connections(cls, workspace: Azure) -> Mapping[str, Mapping[str, str]]:
        place = workspace.workspace
        group = f"/subscriptions/{place.subscription_id}/resourceGroups/{place.resource_group}"
        cluster = f"{group}/providers/Microsoft.ContainerService/managedClusters/aks"
        attached = {"properties": {"computeType": "AKS", "resourceId": cluster}}
        assert Arm(workspace)("PUT", "/computes/aks", attached).status == 201
        return connection_of(workspace)
