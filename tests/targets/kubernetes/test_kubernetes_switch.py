"""The steps of a deploy against an API server in memory: two commands at once, refusals, and unused options."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Deploys, id_of
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import (
    BadInput,
    Failed,
    Pending,
    Ready,
    Refused,
    StageFailed,
    Transient,
)
from lading_kubernetes.owning import release_name

INGRESS = "ingress: {host: a.example}"


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    return Deploys(tmp_path, cluster, context)


def test_a_deploy_leaves_one_release(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    assert deploys.deploy(deploys.request(2)) == Ready()
    assert deploys.serving == id_of(2)
    assert [kind for kind, _ in cluster.objects].count("Deployment") == 1, (
        "the old release leaves, although it is young"
    )


def test_a_candidate_whose_pods_have_ended_gets_no_requests(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    second = deploys.request(2)
    deploys.bring_up(second)
    cluster.objects["Deployment", release_name(second)]["status"]["availableReplicas"] = 0
    assert isinstance(deploys.step(second, up=True), Pending)
    assert deploys.serving == id_of(1)
    del cluster.objects["Deployment", release_name(second)]
    lost = deploys.step(second, up=True)
    assert isinstance(lost, Failed)
    assert "another command has removed salary-" in lost.reason
    assert deploys.serving == id_of(1)


def test_two_commands_do_not_remove_the_candidates_of_each_other(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    one, two = deploys.request(2), deploys.request(3)
    deploys.bring_up(one)
    deploys.bring_up(two)
    assert isinstance(deploys.step(one, up=True), Pending)
    assert deploys.step(one, up=True) == Ready()
    assert deploys.serving == id_of(2)
    assert ("Deployment", release_name(two)) in cluster.objects
    assert isinstance(deploys.step(two, up=True), Pending)
    assert deploys.step(two, up=True) == Ready()
    assert deploys.serving == id_of(3)
    assert [kind for kind, _ in cluster.objects].count("Deployment") == 1


def test_remains_of_an_earlier_attempt_are_removed(deploys: Deploys, cluster: FakeCluster) -> None:
    deploys.bring_up(deploys.request(1))
    cluster.wait(61)
    assert deploys.deploy(deploys.request(2)) == Ready()
    assert ("Deployment", release_name(deploys.request(1))) not in cluster.objects


def test_a_release_that_another_command_still_brings_up_is_spared(deploys: Deploys, cluster: FakeCluster) -> None:
    first = deploys.request(1)
    assert isinstance(deploys.step(first), Pending)
    for _ in range(4):
        cluster.now += timedelta(seconds=25)
        assert isinstance(deploys.step(first), Pending)
    assert deploys.deploy(deploys.request(2)) == Ready()
    assert ("Deployment", release_name(first)) in cluster.objects
    cluster.wait(61)
    assert deploys.deploy(deploys.request(3)) == Ready()
    assert ("Deployment", release_name(first)) not in cluster.objects


def test_a_release_that_was_removed_after_the_switch_comes_up_again(deploys: Deploys, cluster: FakeCluster) -> None:
    first = deploys.request(1)
    deploys.bring_up(first)
    assert isinstance(deploys.step(first, up=True), Pending)
    for kind, suffix in (("Deployment", ""), ("Pod", "-1")):
        del cluster.objects[kind, f"{release_name(first)}{suffix}"]
    assert isinstance(deploys.step(first, up=True), Failed), "nothing serves that has answered"
    assert [type(deploys.step(first)) for _ in range(2)] == [Pending, Pending]
    cluster.complete(release_name(first))
    assert deploys.step(first) == Ready()


def test_a_first_release_that_fails_leaves_the_objects_of_another_command(
    deploys: Deploys, cluster: FakeCluster
) -> None:
    one, two = deploys.request(1), deploys.request(2)
    deploys.bring_up(one)
    deploys.bring_up(two)
    assert isinstance(deploys.step(two, up=False), Failed)
    assert {f"Deployment/{release_name(one)}", "ServiceAccount/salary"} <= cluster.names()
    assert f"Deployment/{release_name(two)}" not in cluster.names()
    assert isinstance(deploys.step(one, up=False), Failed)
    assert {name for name in cluster.names() if not name.startswith("Pod/")} == set()


def test_a_service_that_another_command_has_changed_is_read_again(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    second = deploys.request(2)
    deploys.bring_up(second)

    def change(method: str, kind: str, name: str) -> None:
        if (method, kind) == ("PATCH", "Service"):
            cluster.put(kind, name, {})
            cluster.before = lambda *_: None

    cluster.before = change
    with pytest.raises(Transient, match="another program has changed the Service salary") as caught:
        deploys.step(second, up=True)
    assert caught.value.retry_after is not None, "the framework calls again"
    assert deploys.serving == id_of(1)
    assert isinstance(deploys.step(second, up=True), Pending)
    assert deploys.serving == id_of(2)


def test_an_option_that_was_never_used_needs_no_right(deploys: Deploys, cluster: FakeCluster) -> None:
    cluster.refused = {("GET", kind): (403, "forbidden") for kind in ("HTTPRoute", "Ingress")}
    assert deploys.deploy(deploys.request()) == Ready()


def test_an_option_without_its_right_is_reported(deploys: Deploys, cluster: FakeCluster) -> None:
    cluster.refused = {(method, "Ingress"): (403, "forbidden") for method in ("GET", "PATCH")}
    with pytest.raises(StageFailed, match="reading Ingress salary: forbidden"):
        deploys.step(deploys.request(1, INGRESS))
    assert cluster.names() == set()


@pytest.mark.parametrize("kind", ["Deployment", "Service", "Ingress", "PodDisruptionBudget"])
def test_a_refused_object_leaves_nothing(deploys: Deploys, cluster: FakeCluster, kind: str) -> None:
    cluster.refused = {("PATCH", kind): (422, "spec is invalid")}
    with pytest.raises(BadInput, match="spec is invalid"):
        deploys.step(deploys.request(1, f"{INGRESS}, auth: key"))
    assert cluster.names() == set()


def test_a_rule_without_a_dry_run_does_not_stop_a_deploy(deploys: Deploys, cluster: FakeCluster) -> None:
    def only_dry(method: str, kind: str, name: str) -> None:
        dry = cluster.requests[-1] == "PATCH Deployment dryRun"
        message = 'admission webhook "a.example" does not support dry run'
        cluster.refused = {("PATCH", "Deployment"): (400, message)} if dry else {}

    cluster.before = only_dry
    assert isinstance(deploys.step(deploys.request()), Pending)
    assert f"Deployment/{release_name(deploys.request())}" in cluster.names()


@pytest.mark.parametrize(
    ("block", "option"),
    [("patch: {Deployment: {spec: {a: 1}}}", "patch.Deployment"), ("tolerations: [{a: 1}]", "tolerations")],
)
def test_a_field_that_a_kind_does_not_have_is_at_its_option(
    deploys: Deploys, cluster: FakeCluster, block: str, option: str
) -> None:
    said = "failed to create typed patch object: .spec.tolerations[0].a: field not declared in schema"
    cluster.refused = {("PATCH", "Deployment"): (500, said)}
    with pytest.raises(BadInput, match="field not declared in schema") as caught:
        deploys.step(deploys.request(1, block))
    assert caught.value.option == option


def test_an_object_of_others_is_left_alone_after_the_switch_too(deploys: Deploys, cluster: FakeCluster) -> None:
    first = deploys.request()
    deploys.bring_up(first)
    cluster.put("NetworkPolicy", "salary", {"spec": {}})
    deploys.step(first, up=True)
    with pytest.raises(Refused, match="Lading has not made it"):
        deploys.step(first, up=True)
    assert cluster.objects["NetworkPolicy", "salary"]["spec"] == {}


def test_objects_that_the_options_no_longer_ask_for_are_removed(
    deploys: Deploys, cluster: FakeCluster, context: MemoryContext
) -> None:
    assert deploys.deploy(deploys.request(1, f"auth: key, {INGRESS}")) == Ready()
    gone = {"Secret/salary-keys", "ServiceAccount/salary", "Ingress/salary"}
    assert gone <= cluster.names()
    assert "kubernetes/models/Secret/salary-keys" in context.intents
    assert deploys.deploy(deploys.request(2, "service_account: reader")) == Ready()
    assert not gone & cluster.names()
    assert "kubernetes/models/Secret/salary-keys/remove/2" in context.intents


def test_a_rotation_leaves_the_annotations_of_others(deploys: Deploys, cluster: FakeCluster) -> None:
    request = deploys.request(1, "auth: key, patch: {Secret: {metadata: {annotations: {team: blue}}}}")
    assert deploys.deploy(request) == Ready()
    applied: list[Any] = []
    put = cluster.put
    secret = cluster.objects["Secret", "salary-keys"]["metadata"]
    assert secret["annotations"]["team"] == "blue"
    secret["annotations"]["theirs"] = "1"

    def record(kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        applied.append(body)
        return put(kind, name, body)

    cluster.put = record  # type: ignore[method-assign]
    deploys.keys(request, "primary")
    assert "theirs" not in applied[0]["metadata"]["annotations"]
    assert applied[0]["metadata"]["annotations"]["team"] == "blue"
    assert applied[0]["metadata"]["annotations"]["lading.service"] == "salary"


def test_a_rotation_does_not_undo_another_one(deploys: Deploys, cluster: FakeCluster) -> None:
    request = deploys.request(1, "auth: key")
    assert deploys.deploy(request) == Ready()

    def change(method: str, kind: str, name: str) -> None:
        if method == "PATCH":
            cluster.put("Secret", "salary-keys", {})

    cluster.before = change
    with pytest.raises(Transient, match="applying Secret salary-keys"):
        deploys.keys(request, "primary")


def test_a_command_that_ends_before_the_pods_must_be_ready_warns(deploys: Deploys, context: MemoryContext) -> None:
    context.seconds_left = 100
    deploys.step(deploys.request())
    assert "ready_timeout is 600 s, but the command ends in" in context.warnings[0]


def test_an_old_service_has_time_to_get_a_load_balancer(
    deploys: Deploys, cluster: FakeCluster, context: MemoryContext
) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    cluster.wait(1000)
    balanced = deploys.request(2, "service_type: LoadBalancer")
    waiting = Pending(phase="waiting for the address of the load balancer", retry_after=1.0)
    assert deploys.deploy(balanced) == waiting
    cluster.wait(100)
    assert deploys.step(balanced, up=True) == waiting
    cluster.wait(100)
    assert deploys.step(balanced, up=True) == Ready()
    assert "the cluster has given the Service no load balancer" in context.warnings[0]
