"""The targets `aci` and `aks` do what every target must, against the offline Azure."""

from __future__ import annotations

from collections.abc import Mapping
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


class TestAci(InAzure):
    target = "aci"


class TestAks(InAzure):
    target = "aks"
    options: ClassVar = {"provision": {"agent_count": 3}}
