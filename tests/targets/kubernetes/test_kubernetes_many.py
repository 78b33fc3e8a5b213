"""The requests of a command in a namespace with many services, against an API server in memory."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Deploys
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Ready, State
from lading_kubernetes.asking import everything, status

MANY = 200


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    made = Deploys(tmp_path, cluster, context)
    assert made.deploy(made.request()) == Ready()
    return made


def copy(cluster: FakeCluster, count: int) -> None:
    """Let the namespace have so many more services with the same objects."""
    known = list(cluster.objects.items())
    for number in range(count):
        service = f"other{number}"
        for (kind, name), body in known:
            made = deepcopy(body)
            made["metadata"]["annotations"] = {**body["metadata"].get("annotations", {}), "lading.service": service}
            made["metadata"]["labels"] = {**body["metadata"]["labels"], "app.kubernetes.io/name": service}
            cluster.put(kind, name.replace("salary", service), made)


def asked(cluster: FakeCluster) -> list[str]:
    """The requests so far. They are forgotten."""
    found = list(cluster.requests)
    cluster.requests.clear()
    return found


def test_many_services_need_no_more_requests(deploys: Deploys, cluster: FakeCluster, context: MemoryContext) -> None:
    deployment = deploys.request().deployment
    asked(cluster)
    copy(cluster, MANY - 1)
    found = everything(cluster.client()).objects
    assert (len(found), {each.state for each in found}) == (MANY, {State.RUNNING})
    assert asked(cluster) == ["GET Service", "GET Deployment"]
    assert status(deployment, context, cluster.client()).state is State.RUNNING
    assert asked(cluster) == ["GET Service", "GET Deployment", "GET Pod"]


def test_a_long_list_is_read_page_by_page(deploys: Deploys, cluster: FakeCluster) -> None:
    copy(cluster, 600)
    asked(cluster)
    assert len(everything(cluster.client()).objects) == 601
    assert asked(cluster) == ["GET Service", "GET Service", "GET Deployment", "GET Deployment"]
