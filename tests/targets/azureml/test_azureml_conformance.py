"""The conformance of the targets `aci` and `aks`, with the offline Azure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import pytest
from offline_azure.client import Azure

from lading.testing import TargetConformance

pytestmark = pytest.mark.slow


class InAzure(TargetConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, workspace: Azure) -> Mapping[str, str]:
        return workspace.environ

    @pytest.fixture(scope="class")
    @classmethod
    def target_connections(cls, workspace: Azure) -> Mapping[str, Mapping[str, str]]:
        place = workspace.workspace
        names = {"resource_group": place.resource_group, "workspace": place.workspace}
        return {"azureml": {"subscription_id": place.subscription_id, **names}}

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, workspace: Azure) -> Callable[[str], Sequence[str]]:
        """All services, models and images in the workspace whose names start with the name of the service."""

        def things(service: str) -> list[str]:
            kinds = ("services", "models", "images")
            return [f"{kind} {name}" for kind in kinds for name in workspace.state[kind] if service in name]

        return things


class TestAci(InAzure):
    target = "aci"


class TestAks(InAzure):
    target = "aks"
    options: ClassVar = {"provision": {"agent_count": 3}}
