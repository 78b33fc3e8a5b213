"""The shares of a canary step by step, and its end, against an API server in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import BOTH, Canary, id_of
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Done, Failed, Pending, Transient
from lading_kubernetes.asking import status
from lading_kubernetes.ejecting import eject
from lading_kubernetes.owning import release_name
from lading_kubernetes.sharing import Pods, pods_for

ROUTE = "route: {host: salary.example.com, gateway: {name: public}}"


@pytest.mark.parametrize(
    ("weight", "full", "expected"),
    [
        (0, 4, Pods(4, 1)),
        (1, 4, Pods(4, 1)),
        (10, 9, Pods(9, 1)),
        (30, 7, Pods(7, 3)),
        (30, 3, Pods(3, 1)),
        (50, 4, Pods(4, 4)),
        (75, 3, Pods(1, 3)),
        (100, 4, Pods(1, 4)),
        (30, 1, Pods(1, 1)),
    ],
)
def test_the_numbers_of_pods_are_nearest_to_the_weight(weight: int, full: int, expected: Pods) -> None:
    assert pods_for(weight, full, by_route=False) == expected


def test_a_weight_moves_pods_before_requests(canary: Canary, context: MemoryContext) -> None:
    canary.bring_up()
    assert canary.shift((1, 40), (2, 60)) == Pending(phase="scaling", detail="3 pods", retry_after=0.5)
    assert isinstance(canary.shift((1, 40), (2, 60)), Pending)
    assert canary.deploys.serving == id_of(1), "the pods are not ready yet"
    canary.complete()
    assert canary.shift((1, 40), (2, 60)) == Pending(phase="switching", detail="the requests", retry_after=3.0)
    assert canary.selector == BOTH
    assert (canary.pods(1), canary.pods(2)) == (3, 3), "the pods leave only after their requests have"
    assert context.warnings == [], "three of five pods are exactly this weight"
    assert canary.shift((1, 40), (2, 60)) == Done()
    assert (canary.pods(1), canary.pods(2)) == (2, 3)
    assert canary.served == [(id_of(1), 40), (id_of(2), 60)]


def test_a_split_that_is_not_exact_is_stated(canary: Canary, context: MemoryContext) -> None:
    canary.bring_up()
    assert canary.to_the_end((1, 90), (2, 10)) == Done()
    assert context.warnings == ["the canary has 1 of 4 pods, so it gets about 25 % of the requests"]
    assert canary.served == [(id_of(1), 90), (id_of(2), 10)]
    canary.cluster.put("Pod", "more", {"metadata": {}, "spec": {}})
    assert "the canary has 1 of 2 pods" in canary.status.detail, "the memory has one ready pod of each release"


@pytest.mark.parametrize("weight", [0, 100])
def test_all_or_nothing_is_exact(canary: Canary, context: MemoryContext, weight: int) -> None:
    canary.bring_up()
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    assert canary.to_the_end((1, 100 - weight), (2, weight)) == Done()
    assert canary.deploys.serving == id_of(2 if weight else 1)
    assert canary.served == [(id_of(1), 100 - weight), (id_of(2), weight)]
    assert context.warnings == []


def test_a_route_that_only_the_manifest_has_does_not_hide_the_weight(canary: Canary, cluster: FakeCluster) -> None:
    canary.bring_up()
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    edited = canary.deploys.request(1, f"replicas: 3, {ROUTE}").deployment
    found = status(edited, canary.context, cluster.client())
    assert [each.weight for each in found.releases] == [50, 50]


def test_a_promoted_canary_serves_alone(canary: Canary, cluster: FakeCluster) -> None:
    second = canary.bring_up()
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    assert canary.to_the_end((2, 100)) == Done()
    assert canary.served == [(id_of(2), 100)]
    assert canary.deploys.serving == id_of(2)
    assert {name for kind, name in cluster.objects if kind == "Deployment"} == {release_name(second)}
    assert canary.pods(2) == 3
    budget = cluster.objects["PodDisruptionBudget", "salary"]
    assert budget["metadata"]["annotations"]["lading.release"] == "2", "its objects belong to the release"
    assert canary.shift((2, 100)) == Done(), "a killed command ends it"


def test_a_promotion_that_was_killed_after_the_switch_continues(canary: Canary, cluster: FakeCluster) -> None:
    second = canary.bring_up()
    while canary.served[0][0] == id_of(1):
        assert isinstance(canary.shift((2, 100)), Pending)
        canary.complete()
    assert f"Deployment/{release_name(canary.request(1))}" in cluster.names()
    assert canary.to_the_end((2, 100)) == Done()
    assert {name for kind, name in cluster.objects if kind == "Deployment"} == {release_name(second)}


def test_a_canary_after_a_promotion_shares_with_the_promoted_release(canary: Canary) -> None:
    canary.bring_up(2)
    assert canary.to_the_end((2, 100)) == Done()
    canary.bring_up(3)
    assert canary.to_the_end((2, 50), (3, 50)) == Done()
    assert canary.selector == BOTH
    assert canary.served == [(id_of(2), 50), (id_of(3), 50)]


def test_ejected_files_leave_the_pods_of_a_promoted_canary(canary: Canary, cluster: FakeCluster) -> None:
    second = canary.bring_up(2)
    assert canary.to_the_end((2, 100)) == Done()
    written = yaml.safe_load(eject(second, cluster.client()).files["deployment.yaml"])
    live = cluster.objects["Deployment", release_name(second)]
    assert written["spec"]["template"] == live["spec"]["template"]


def test_an_abort_leaves_the_stable_release(canary: Canary, cluster: FakeCluster) -> None:
    canary.bring_up()
    assert canary.to_the_end((1, 25), (2, 75)) == Done()
    assert canary.pods(1) == 1
    assert canary.to_the_end((1, 100)) == Done()
    assert canary.pods(1) == 3
    assert canary.served == [(id_of(1), 100)]
    assert {name for kind, name in cluster.objects if kind == "Deployment"} == {release_name(canary.request(1))}


def test_an_abort_removes_a_candidate_too(canary: Canary, cluster: FakeCluster) -> None:
    candidate = canary.beside()
    canary.deploys.bring_up(candidate)
    other = canary.request(3)
    canary.deploys.bring_up(other)
    assert canary.to_the_end((1, 100)) == Done()
    assert f"Deployment/{release_name(candidate)}" not in cluster.names()
    assert f"Deployment/{release_name(other)}" in cluster.names(), "another command brings it up"


def test_an_abort_does_not_wait_for_pods_that_do_not_come(canary: Canary, cluster: FakeCluster) -> None:
    canary.bring_up()
    assert canary.to_the_end((1, 25), (2, 75)) == Done()
    assert isinstance(canary.shift((1, 100)), Pending), "pods of the stable release are added"
    name = release_name(canary.request(1))
    deployment = cluster.objects["Deployment", name]
    deployment["status"] |= {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 1}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    cluster.put("Pod", f"{name}-2", {"metadata": {"labels": labels}, "spec": {"nodeName": "a"}, "status": {}})
    assert isinstance(canary.shift((1, 100)), Pending)
    assert canary.selector == BOTH, "a new pod may become ready soon"
    cluster.wait(61)
    assert isinstance(canary.shift((1, 100)), Pending)
    assert canary.deploys.serving == id_of(1)
    assert canary.shift((1, 100)) == Done()


def test_a_promotion_fails_if_the_canary_gets_no_pods(canary: Canary, cluster: FakeCluster) -> None:
    second = canary.bring_up()
    assert isinstance(canary.shift((2, 100)), Pending)
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
    since = {"lastTransitionTime": cluster.now.isoformat()}
    cluster.objects["Deployment", release_name(second)]["status"]["conditions"] = [{**refused, **since}]
    cluster.wait(61)
    failed = canary.shift((2, 100))
    assert isinstance(failed, Failed)
    assert "exceeded quota: small" in failed.reason
    assert canary.deploys.serving == id_of(1)
    assert canary.pods(2) == 1, "the pods that the promotion has added are removed"


def crashing(canary: Canary, cluster: FakeCluster) -> None:
    """A canary one of whose new pods ends at once."""
    second = canary.bring_up()
    assert isinstance(canary.shift((2, 100)), Pending)
    labels = cluster.objects["Deployment", release_name(second)]["spec"]["template"]["metadata"]["labels"]
    ended = [{"name": "service", "state": {"terminated": {"exitCode": 3}}}]
    cluster.put("Pod", "new", {"metadata": {"labels": labels}, "status": {"containerStatuses": ended}})


def test_a_promotion_that_fails_shows_the_last_lines(canary: Canary, cluster: FakeCluster) -> None:
    crashing(canary, cluster)
    cluster.logs[True] = "ValueError: no table\nthe end"
    failed = canary.shift((2, 100))
    assert isinstance(failed, Failed)
    assert failed.log == "ValueError: no table\nthe end"


def test_a_log_that_cannot_be_read_hides_no_failure(canary: Canary, cluster: FakeCluster) -> None:
    crashing(canary, cluster)
    cluster.refused["GET", "Pod/log"] = (403, "User cannot get resource pods/log")
    failed = canary.shift((2, 100))
    assert isinstance(failed, Failed)
    assert (failed.log, "exit code 3" in failed.reason) == ("", True)


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        (((1, 50), (3, 50)), f"release {id_of(3)} does not serve"),
        (((1, 50), (2, 40)), "the weights do not add up to 100"),
        ((), "the weights do not add up to 100"),
        (((1, 100), (2, 0, 20)), "on Kubernetes, a canary gets no copies of requests: give it a weight"),
    ],
)
def test_shares_that_cannot_be_given_change_nothing(
    canary: Canary, cluster: FakeCluster, shares: tuple[tuple[int, int]], reason: str
) -> None:
    canary.bring_up()
    cluster.requests.clear()
    assert canary.shift(*shares) == Failed(reason=reason)
    assert {each.split()[0] for each in cluster.requests} == {"GET"}


def test_an_autoscaler_allows_no_split_by_pods(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> None:
    canary = Canary(tmp_path, cluster, context, "autoscale: {min: 1, max: 4}")
    cluster.objects["Deployment", release_name(canary.request(1))]["spec"]["replicas"] = 3
    second = canary.bring_up()
    failed = canary.shift((1, 50), (2, 50))
    assert isinstance(failed, Failed)
    assert "without `route` a canary gets 0 or 100 %" in failed.reason
    assert canary.to_the_end((2, 100)) == Done()
    assert canary.pods(2) == 3, "as many as the autoscaler gave to the stable release"
    scaler = cluster.objects["HorizontalPodAutoscaler", "salary"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == release_name(second)


def test_a_failed_promotion_reports_its_reason_if_the_stable_release_is_gone(
    canary: Canary, cluster: FakeCluster
) -> None:
    second = canary.bring_up()
    promoted = cluster.objects["Deployment", release_name(second)]
    del cluster.objects["Deployment", release_name(canary.request(1))]
    assert isinstance(canary.shift((2, 100)), Pending)
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    promoted["status"]["conditions"] = [{**refused, "lastTransitionTime": "2019-01-01T00:00:00+00:00"}]
    failed = canary.shift((2, 100))
    assert isinstance(failed, Failed)
    assert "the cluster refuses its pods: exceeded quota" in failed.reason


@pytest.mark.parametrize("left", [1, 2])
def test_a_release_that_serves_alone_has_as_many_pods_as_the_load_needs(
    tmp_path: Path, cluster: FakeCluster, context: MemoryContext, left: int
) -> None:
    canary = Canary(tmp_path, cluster, context, f"autoscale: {{min: 1, max: 8}}, {ROUTE}")
    canary.bring_up()
    cluster.objects["Deployment", release_name(canary.request(1))]["spec"]["replicas"] = 6
    assert canary.to_the_end((1, 10), (2, 90)) == Done()
    assert canary.pods(2) == 6
    cluster.objects["Deployment", release_name(canary.request(1))]["spec"]["replicas"] = 1
    assert canary.to_the_end((left, 100)) == Done()
    assert canary.pods(left) == 6


def test_a_canary_without_requests_needs_one_pod(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> None:
    canary = Canary(tmp_path, cluster, context, f"autoscale: {{min: 2, max: 8}}, {ROUTE}")
    canary.bring_up()
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    assert canary.pods(2) == 2
    assert canary.to_the_end((1, 100), (2, 0)) == Done()
    assert canary.pods(2) == 1


def test_a_stable_release_without_a_group_shares_no_requests(canary: Canary, cluster: FakeCluster) -> None:
    labels = cluster.objects["Deployment", release_name(canary.request(1))]["spec"]["template"]["metadata"]["labels"]
    del labels["lading.group"]
    canary.bring_up()
    assert canary.shift((1, 50), (2, 50)) == Failed(reason="the releases have no common group of pods")


def test_a_service_that_another_command_has_changed_is_read_again(canary: Canary, cluster: FakeCluster) -> None:
    canary.bring_up()

    def change(method: str, kind: str, name: str) -> None:
        if (method, kind) == ("PATCH", "Service"):
            cluster.put(kind, name, {})
            cluster.before = lambda *_: None

    cluster.before = change
    with pytest.raises(Transient, match="another program has changed the Service salary"):
        canary.shift((1, 75), (2, 25))
    assert canary.deploys.serving == id_of(1)
    assert canary.to_the_end((1, 75), (2, 25)) == Done()
