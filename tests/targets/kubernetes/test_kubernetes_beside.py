"""A release comes up beside the stable one, against an API server in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import BOTH, Canary, id_of
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import BadInput, Candidate, Done, Failed, Pending, Ready, Served
from lading_kubernetes.owning import release_name


def test_a_canary_begins_with_one_pod_and_no_requests(canary: Canary) -> None:
    request = canary.bring_up()
    assert canary.served == [(id_of(1), 100), (id_of(2), 0)]
    assert canary.deploys.serving == id_of(1)
    assert canary.pods(2) == 1
    assert isinstance(canary.deploys.step(request), Candidate), "the golden requests can be asked again"


@pytest.mark.parametrize(("before", "after"), [("key", "none"), ("none", "key")])
def test_a_canary_asks_for_a_key_as_the_stable_release_does(
    tmp_path: Path, cluster: FakeCluster, context: MemoryContext, before: str, after: str
) -> None:
    canary = Canary(tmp_path, cluster, context, f"auth: {before}")
    request = replace(canary.deploys.request(2, f"auth: {after}"), beside=True)
    with pytest.raises(BadInput, match="and its canary must do the same") as caught:
        canary.deploys.step(request)
    assert caught.value.option == "auth"
    assert f"Deployment/{release_name(request)}" not in cluster.names()


def test_a_refused_canary_leaves_the_stable_release(canary: Canary, cluster: FakeCluster) -> None:
    request = canary.bring_up()
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    assert isinstance(canary.deploys.step(request, up=False), Pending), "first it gets no more requests"
    assert canary.deploys.serving == id_of(1)
    assert isinstance(canary.deploys.step(request, up=False), Failed)
    assert f"Deployment/{release_name(request)}" not in cluster.names()
    assert canary.served == [(id_of(1), 100)]


def test_another_canary_takes_the_place_of_one_without_requests(canary: Canary, cluster: FakeCluster) -> None:
    first = canary.bring_up(2)
    second = canary.beside(3)
    assert isinstance(canary.deploys.step(second), Pending)
    assert canary.served == [(id_of(1), 100)]
    assert f"Deployment/{release_name(second)}" not in cluster.names()
    canary.bring_up(3)
    assert canary.served == [(id_of(1), 100), (id_of(3), 0)]
    assert f"Deployment/{release_name(first)}" not in cluster.names()


def test_a_canary_does_not_change_the_service_of_the_stable_release(canary: Canary, cluster: FakeCluster) -> None:
    patch = "patch: {Service: {spec: {sessionAffinity: ClientIP}}}"
    edited = canary.deploys.request(2, f"replicas: 3, service_type: NodePort, annotations: {{team: blue}}, {patch}")
    edited = replace(edited, beside=True, stable=canary.request(1).deployment)
    canary.deploys.bring_up(edited)
    assert isinstance(canary.deploys.step(edited, up=True), Pending)
    assert canary.served == [(id_of(1), 100), (id_of(2), 0)]
    service = cluster.objects["Service", "salary"]
    assert service["spec"]["type"] == "ClusterIP"
    assert "sessionAffinity" not in service["spec"]
    assert "team" not in service["metadata"]["annotations"]


def test_a_plain_deploy_ends_with_its_release_alone(canary: Canary, cluster: FakeCluster) -> None:
    canary.bring_up(2)
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    third = canary.request(3)
    canary.deploys.bring_up(third)
    assert canary.selector == BOTH, "both releases serve until the new one does"
    assert canary.served == [(id_of(1), 50), (id_of(2), 50)]
    assert isinstance(canary.deploys.step(third, up=True), Pending)
    assert canary.deploys.step(third, up=True) == Ready()
    assert canary.served == [(id_of(3), 100)]
    assert {name for kind, name in cluster.objects if kind == "Deployment"} == {release_name(third)}


def test_a_status_names_the_pods_of_each_release(canary: Canary) -> None:
    canary.bring_up()
    stable, beside = canary.status.releases
    digest = canary.request(1).package.digest
    assert stable == Served(release_id=id_of(1), package_digest=digest, weight=100, ready=1, wanted=3)
    assert beside == Served(release_id=id_of(2), package_digest=digest, weight=0, ready=1, wanted=1)
