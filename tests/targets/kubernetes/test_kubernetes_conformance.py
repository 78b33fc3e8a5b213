"""The conformance of the target `kubernetes`, on a real cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from container_engine import ContainerEngine
from tests.targets.kubernetes.kubernetes_kit import Kubernetes

from lading.testing import TargetConformance


@pytest.mark.kubernetes
class TestKubernetes(TargetConformance):
    target = "kubernetes"

    @pytest.fixture(scope="class")
    @classmethod
    def target_options(cls, kubernetes: Kubernetes) -> Mapping[str, Any]:
        """Two pods, so that a canary with the weight 30 gets about a third. They request little, to fit on one node."""
        little = {"name": "service", "resources": {"requests": {"cpu": "50m"}}}
        patch = {"Deployment": {"spec": {"template": {"spec": {"containers": [little]}}}}}
        return {"namespace": kubernetes.namespace, "replicas": 2, "cpu": "200m", "memory": "128Mi", "patch": patch}

    @pytest.fixture(scope="class")
    @classmethod
    def target_image(cls, container_engine: ContainerEngine) -> Mapping[str, str]:
        return {"base": container_engine.base, "wheels": str(container_engine.wheels)}

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls, kubernetes: Kubernetes, container_engine: ContainerEngine) -> Mapping[str, str]:
        return {"KUBECONFIG": kubernetes.kubeconfig, "DOCKER_HOST": container_engine.host}

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, kubernetes: Kubernetes) -> Callable[[str], Sequence[str]]:
        """All objects with the label of the service."""
        return kubernetes.names
