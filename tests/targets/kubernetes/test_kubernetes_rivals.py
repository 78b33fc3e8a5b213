"""Commands of two stores that deploy one service at the same time, against an API server in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import BOTH, Canary, Deploys, id_of
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Done, Pending, Ready, Refused, StageFailed
from lading_kubernetes.owning import release_name

ROUTE = "route: {host: salary.example.com, gateway: {name: public}}"
BLOCKS = pytest.mark.parametrize("block", ["replicas: 3", f"replicas: 3, {ROUTE}"])


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    return Deploys(tmp_path, cluster, context)


def before_the_switch(cluster: FakeCluster, act: Callable[[], object]) -> None:
    """Let another command act between the moment that a step reads the Service and the moment that it changes it."""

    def intervene(method: str, kind: str, name: str) -> None:
        if (method, kind) == ("PATCH", "Service"):
            cluster.before = lambda *_: None
            act()

    cluster.before = intervene


def test_pods_of_an_interrupted_canary_get_no_requests(canary: Canary, cluster: FakeCluster) -> None:
    interrupted = canary.beside(3)
    canary.deploys.bring_up(interrupted)
    canary.bring_up(2)
    stray = release_name(interrupted)
    assert f"Deployment/{stray}" in cluster.names(), "another command may still bring it up"
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    assert canary.selector == BOTH
    assert f"Deployment/{stray}" not in cluster.names()


def test_requests_move_only_after_the_pods_of_other_releases_have_left(canary: Canary, cluster: FakeCluster) -> None:
    canary.bring_up(2)
    labels = {**BOTH, "lading.release-id": id_of(3)}
    cluster.put("Pod", "stray", {"metadata": {"labels": labels}, "spec": {}})
    waiting = canary.shift((1, 50), (2, 50))
    assert waiting == Pending(phase="removing", detail="stray of other releases", retry_after=0.5)
    assert canary.deploys.serving == id_of(1)
    cluster.put("Pod", "stray", {"metadata": {"deletionTimestamp": cluster.now.isoformat()}})
    assert canary.to_the_end((1, 50), (2, 50)) == Done(), "a pod that leaves gets no requests"


@BLOCKS
def test_a_second_canary_is_refused_while_the_first_has_a_share(
    tmp_path: Path, cluster: FakeCluster, context: MemoryContext, block: str
) -> None:
    canary = Canary(tmp_path, cluster, context, block)
    canary.bring_up(2)
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    second = canary.beside(3)
    with pytest.raises(
        Refused, match=rf"release 2 \({id_of(2)}\) of another store is a canary of salary, and gets 50 %"
    ):
        canary.deploys.step(second)
    assert canary.served == [(id_of(1), 50), (id_of(2), 50)]
    assert f"Deployment/{release_name(second)}" not in cluster.names()


def test_a_canary_that_was_made_while_the_first_got_its_share_leaves(canary: Canary, cluster: FakeCluster) -> None:
    second = canary.beside(3)
    canary.deploys.bring_up(second)
    late = "Deployment", release_name(second)
    body = cluster.objects[late]
    canary.bring_up(2)
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    cluster.put(*late, body)
    with pytest.raises(Refused, match="of another store is a canary"):
        canary.deploys.step(second)
    assert late not in cluster.objects


def test_of_two_verdicts_at_once_one_switches(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    one, two = deploys.request(2), deploys.request(3)
    deploys.bring_up(one)
    deploys.bring_up(two)
    before_the_switch(cluster, lambda: deploys.step(two, up=True))
    with pytest.raises(StageFailed, match=rf"the Service leads to release 3 \({id_of(3)}\)") as caught:
        deploys.step(one, up=True)
    assert caught.value.exit_code == 6
    assert deploys.serving == id_of(3)
    assert f"Deployment/{release_name(one)}" not in cluster.names()
    assert deploys.step(two, up=True) == Ready()


def test_a_release_that_another_one_has_replaced_does_not_switch_back(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    one, two = deploys.request(2), deploys.request(3)
    deploys.bring_up(one)
    deploys.bring_up(two)
    assert isinstance(deploys.step(one, up=True), Pending)
    assert isinstance(deploys.step(two, up=True), Pending)
    with pytest.raises(StageFailed, match="another command has moved the requests of salary"):
        deploys.step(one, up=True)
    assert deploys.serving == id_of(3)
    cluster.wait(61)
    assert deploys.step(two, up=True) == Ready()
    assert {name for kind, name in cluster.objects if kind == "Deployment"} == {release_name(two)}


def test_a_switch_whose_first_request_arrives_late_is_made(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    request = deploys.request(2)
    deploys.bring_up(request)
    before_the_switch(cluster, lambda: deploys.step(request, up=True))
    assert isinstance(deploys.step(request, up=True), Pending)
    assert deploys.step(request, up=True) == Ready()
    assert deploys.serving == id_of(2)
    assert f"Deployment/{release_name(request)}" in cluster.names()


def test_a_refused_canary_that_another_store_promotes_stays(canary: Canary, cluster: FakeCluster) -> None:
    request = canary.beside()
    canary.deploys.bring_up(request)
    assert isinstance(canary.deploys.step(request, up=True), Pending)
    before_the_switch(cluster, lambda: canary.to_the_end((2, 100)))
    with pytest.raises(StageFailed, match=rf"the Service leads to release 2 \({id_of(2)}\)"):
        canary.deploys.step(request, up=False)
    assert canary.served == [(id_of(2), 100)]
    assert f"Deployment/{release_name(request)}" in cluster.names()


def test_a_shift_that_meets_another_one_names_it(canary: Canary, cluster: FakeCluster) -> None:
    canary.bring_up(2)
    before_the_switch(cluster, lambda: canary.to_the_end((1, 50), (2, 50)))
    with pytest.raises(StageFailed, match=f"and gives release {id_of(2)} 50 % of the requests"):
        canary.to_the_end((1, 75), (2, 25))
    assert canary.served == [(id_of(1), 50), (id_of(2), 50)]
