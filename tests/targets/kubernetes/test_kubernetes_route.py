"""A canary behind an HTTPRoute, against an API server in memory."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Canary, id_of
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Done, Pending, State
from lading_kubernetes import objects
from lading_kubernetes.asking import everything
from lading_kubernetes.owning import Shares
from lading_kubernetes.removing import delete

ROUTE = "route: {host: salary.example.com, gateway: {name: public}}"


@pytest.fixture
def routed(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Canary:
    return Canary(tmp_path, cluster, context, f"replicas: 3, {ROUTE}")


def test_a_canary_is_listed_and_deleted(routed: Canary, cluster: FakeCluster, context: MemoryContext) -> None:
    routed.bring_up()
    assert routed.to_the_end((1, 50), (2, 50)) == Done()
    listed = everything(cluster.client()).objects
    assert [(each.release, each.state) for each in listed] == [(1, State.RUNNING), (2, State.RUNNING)]
    deployment = routed.request(1).deployment
    assert isinstance(delete(deployment, context, cluster.client()), Pending)
    assert {name for name in cluster.names() if not name.startswith("Pod/")} == {"Service/salary"}


def test_a_route_splits_the_requests(routed: Canary, cluster: FakeCluster, context: MemoryContext) -> None:
    routed.bring_up()
    assert routed.to_the_end((1, 90), (2, 10)) == Done()
    assert routed.backends == [
        {"name": "salary", "port": 80, "weight": 90},
        {"name": "salary-canary", "port": 80, "weight": 10},
    ]
    assert routed.deploys.serving == id_of(1), "the Service itself leads to the stable release"
    chosen = cluster.objects["Service", "salary-canary"]["spec"]["selector"]
    assert chosen == {"app.kubernetes.io/name": "salary", "lading.release-id": id_of(2)}
    assert (routed.pods(1), routed.pods(2)) == (3, 3)
    assert context.warnings == []
    assert routed.served == [(id_of(1), 90), (id_of(2), 10)]
    cluster.objects["HTTPRoute", "salary"]["spec"]["rules"][0]["backendRefs"][1]["weight"] = 40
    assert routed.served[1] == (id_of(2), 40), "the status shows the route"
    assert isinstance(routed.shift((1, 90), (2, 10)), Pending)
    assert routed.served[1] == (id_of(2), 10)


@pytest.mark.parametrize("left", [1, 2])
def test_a_route_leads_to_one_service_after_a_canary(routed: Canary, cluster: FakeCluster, left: int) -> None:
    routed.bring_up()
    assert routed.to_the_end((1, 90), (2, 10)) == Done()
    assert routed.to_the_end((left, 100)) == Done()
    assert routed.backends == [{"name": "salary", "port": 80}]
    assert routed.deploys.serving == id_of(left)
    assert "Service/salary-canary" not in cluster.names()
    assert [kind for kind, _ in cluster.objects].count("Deployment") == 1


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(29, 38)])
def test_the_service_of_a_canary_is_valid(routed: Canary, version: str) -> None:
    request = routed.request(1)
    before = routed.cluster.objects["Service", "salary"]
    shares = Shares(id_of(1), id_of(2), 40)
    for body in (objects.canary_service(request, id_of(2)), objects.service(request, before, shares, id_of(1))):
        kubernetes_validate.validate({"apiVersion": "v1", **body}, version, strict=True)
