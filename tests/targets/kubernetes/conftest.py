"""A real cluster, named by `LADING_TEST_KUBECONFIG`, and an API server in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_engine import ContainerEngine, need
from tests.conftest import Shell
from tests.hook_kit import MemoryContext, context_in
from tests.missing import skip_without
from tests.targets.kubernetes.deploys_kit import Canary
from tests.targets.kubernetes.fake_cluster import FakeCluster
from tests.targets.kubernetes.kubernetes_kit import Hooks, Kubernetes, Project


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Kubernetes]:
    """A fresh namespace, for all tests of a worker."""
    kubeconfig = os.environ.get("LADING_TEST_KUBECONFIG")
    if not kubeconfig:
        skip_without("LADING_TEST_KUBECONFIG names no kubeconfig of a cluster for tests")
    need("kubectl")
    found = Kubernetes(kubeconfig)
    yield found
    found.remove()


@pytest.fixture
def project(shell: Shell, kubernetes: Kubernetes, container_engine: ContainerEngine) -> Project:
    """A project whose images the nodes of the cluster have, because they are built by the engine of the node."""
    project = Project(shell, kubernetes, container_engine)
    project.write(7)
    return project


@pytest.fixture
def hooks(
    tmp_path: Path, kubernetes: Kubernetes, container_engine: ContainerEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hooks]:
    """The hooks of the target, in the namespace of the tests."""
    monkeypatch.setenv("KUBECONFIG", kubernetes.kubeconfig)
    made = Hooks(tmp_path, kubernetes, container_engine.base)
    yield made
    kubernetes.clear(made.service)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def context(tmp_path: Path) -> MemoryContext:
    return context_in(tmp_path)


@pytest.fixture
def canary(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Canary:
    return Canary(tmp_path, cluster, context, "replicas: 3")
