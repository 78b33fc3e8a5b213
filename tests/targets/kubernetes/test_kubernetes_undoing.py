"""Releases that fail after the switch, or through an error, against an API server in memory."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Deploys, Request, id_of
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Failed, OutcomeUnknown, Pending, Ready, Refused, StageFailed, Transient
from lading_kubernetes.owning import release_name

CRASHED = {"name": "service", "lastState": {"terminated": {"exitCode": 3}}}


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    return Deploys(tmp_path, cluster, context)


def crash(cluster: FakeCluster, request: Request) -> None:
    """End the pods of a release."""
    name = release_name(request)
    cluster.objects["Deployment", name]["status"]["availableReplicas"] = 0
    cluster.objects["Pod", f"{name}-1"]["status"] = {"containerStatuses": [CRASHED]}


def switched(deploys: Deploys) -> Request:
    """Release 2 after its switch from release 1, whose pods are still there."""
    assert deploys.deploy(deploys.request(1)) == Ready()
    second = deploys.request(2)
    deploys.bring_up(second)
    assert isinstance(deploys.step(second, up=True), Pending)
    assert deploys.serving == id_of(2)
    return second


def test_a_release_that_crashes_after_the_switch_is_undone(deploys: Deploys, cluster: FakeCluster) -> None:
    second = switched(deploys)
    cluster.logs = {True: "the end"}
    crash(cluster, second)
    failed = Failed(reason="the container ended with exit code 3", log="the end", gone=True)
    assert deploys.step(second, up=True) == failed
    assert deploys.serving == id_of(1)
    service = cluster.objects["Service", "salary"]["metadata"]["annotations"]
    assert service["lading.release-id"] == id_of(1)
    assert f"Deployment/{release_name(second)}" not in cluster.names()
    assert f"Deployment/{release_name(deploys.request(1))}" in cluster.names()
    assert deploys.deploy(deploys.request(3)) == Ready()


def test_an_interrupted_undoing_continues_with_its_cause(deploys: Deploys, cluster: FakeCluster) -> None:
    second = switched(deploys)
    crash(cluster, second)
    cluster.refused = {("DELETE", "Deployment"): (503, "busy")}
    with pytest.raises(Transient):
        deploys.step(second, up=True)
    assert deploys.serving == id_of(1)
    cluster.refused = {}
    assert deploys.step(second, up=True) == Failed(reason="the container ended with exit code 3", gone=True)
    assert f"Deployment/{release_name(second)}" not in cluster.names()


def test_a_release_stays_if_the_one_before_has_no_pod_either(deploys: Deploys, cluster: FakeCluster) -> None:
    second = switched(deploys)
    for request in (deploys.request(1), second):
        crash(cluster, request)
    assert isinstance(deploys.step(second, up=True), Failed)
    assert deploys.serving == id_of(2)
    assert f"Deployment/{release_name(second)}" in cluster.names()


def edit_selector(cluster: FakeCluster, marks: dict[str, str]) -> None:
    """Change the selector of the Service as `kubectl edit` does, and keep only some of its annotations."""
    service = cluster.objects["Service", "salary"]
    service["spec"]["selector"] = {"app.kubernetes.io/name": "salary"}
    service["metadata"]["annotations"] = marks


def test_after_a_selector_was_edited_the_old_release_serves_until_the_new_one_does(
    deploys: Deploys, cluster: FakeCluster
) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    cluster.wait(100)
    edit_selector(cluster, cluster.objects["Service", "salary"]["metadata"]["annotations"])
    old, second = f"Deployment/{release_name(deploys.request(1))}", deploys.request(2)
    deploys.bring_up(second)
    assert old in cluster.names()
    assert isinstance(deploys.step(second, up=True), Pending)
    assert deploys.serving == id_of(2)
    assert old in cluster.names()
    assert deploys.step(second, up=True) == Ready()
    assert old not in cluster.names()


def test_nothing_is_removed_while_the_service_shows_no_release(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    cluster.wait(100)
    edit_selector(cluster, {"lading.service": "salary", "lading.target": "t"})
    old, second = f"Deployment/{release_name(deploys.request(1))}", deploys.request(2)
    deploys.bring_up(second)
    assert old in cluster.names()
    assert isinstance(deploys.step(second, up=True), Pending)
    assert deploys.step(second, up=True) == Ready()
    assert old not in cluster.names()


@pytest.mark.parametrize("kind", ["Pod", "Event"])
def test_a_candidate_that_ends_with_an_error_leaves(deploys: Deploys, cluster: FakeCluster, kind: str) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    second = deploys.request(2)
    assert isinstance(deploys.step(second), Pending)
    waiting = {"name": "service", "state": {"waiting": {"reason": "ErrImagePull"}}}
    labels = cluster.objects["Deployment", release_name(second)]["spec"]["template"]["metadata"]["labels"]
    cluster.put("Pod", "p", {"metadata": {"labels": labels}, "status": {"containerStatuses": [waiting]}})
    cluster.refused = {("GET", kind): (403, "not allowed")}
    with pytest.raises(StageFailed, match="not allowed"):
        deploys.step(second)
    assert f"Deployment/{release_name(second)}" not in cluster.names()
    assert deploys.serving == id_of(1)


def test_a_first_candidate_that_ends_with_an_error_leaves_nothing(deploys: Deploys, cluster: FakeCluster) -> None:
    first = deploys.request(1, "auth: key")
    assert isinstance(deploys.step(first), Pending)
    cluster.refused = {("GET", "Pod"): (403, "not allowed")}
    with pytest.raises(StageFailed, match="not allowed"):
        deploys.step(first)
    cluster.refused = {}
    assert cluster.names() == set()


def test_an_error_that_also_stops_the_removal_is_the_one_that_is_reported(
    deploys: Deploys, cluster: FakeCluster
) -> None:
    first = deploys.request(1)
    assert isinstance(deploys.step(first), Pending)
    cluster.refused = {("GET", "Pod"): (403, "the first"), ("DELETE", "Deployment"): (403, "the second")}
    with pytest.raises(StageFailed, match="the first"):
        deploys.step(first)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("kind", ["Service", "Deployment", "Pod"])
def test_the_same_command_continues_after_a_token_has_expired(
    deploys: Deploys, cluster: FakeCluster, kind: str, method: str
) -> None:
    assert deploys.deploy(deploys.request(1)) == Ready()
    second = deploys.request(2)
    assert isinstance(deploys.step(second), Pending)
    cluster.wait(61)  # so that the command marks its release
    cluster.refused = {(method, kind): (401, "the token has expired")}
    up = None if kind == "Deployment" else True
    with suppress(OutcomeUnknown):
        while not isinstance(deploys.step(second, up=up), Ready):
            cluster.complete(release_name(second))
        assert (method, kind) == ("PATCH", "Pod"), "a deploy without keys marks no pods"
    cluster.refused = {}
    while not isinstance(deploys.step(second, up=True), Ready):
        cluster.complete(release_name(second))
    assert [name for kind, name in cluster.objects if kind == "Deployment"] == [release_name(second)]


def test_an_expired_token_is_an_unknown_outcome_with_the_next_step(deploys: Deploys, cluster: FakeCluster) -> None:
    cluster.refused = {("GET", "Service"): (401, "Unauthorized")}
    with pytest.raises(OutcomeUnknown, match="does not accept the credentials") as caught:
        deploys.step(deploys.request(1))
    assert caught.value.hint == "sign in to the cluster again; then run the same command again"


def test_a_candidate_waits_through_a_failure_that_passes(deploys: Deploys, cluster: FakeCluster) -> None:
    first = deploys.request(1)
    assert isinstance(deploys.step(first), Pending)
    cluster.refused = {("GET", "Pod"): (503, "busy")}
    with pytest.raises(Transient):
        deploys.step(first)
    assert f"Deployment/{release_name(first)}" in cluster.names()


def test_a_secret_of_others_stays_after_a_refusal(deploys: Deploys, cluster: FakeCluster) -> None:
    request = deploys.request(1, "env: {MODE: fast}", {"env": {"MODE": "${MODE}"}})
    cluster.put("Secret", release_name(request), {"data": {}})
    with pytest.raises(Refused, match="Lading has not made it"):
        deploys.step(request)
    assert f"Secret/{release_name(request)}" in cluster.names()


@pytest.mark.parametrize(
    ("block", "option"), [("replicas: 2", "replicas"), ("autoscale: {min: 2, max: 3}", "autoscale")]
)
def test_too_many_pods_for_a_quota_are_at_their_option(
    deploys: Deploys, cluster: FakeCluster, block: str, option: str
) -> None:
    request = deploys.request(1, block)
    assert isinstance(deploys.step(request), Pending)
    message = "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"
    refused = {"type": "ReplicaFailure", "status": "True", "message": message}
    refused["lastTransitionTime"] = cluster.now.isoformat()
    cluster.wait(61)
    cluster.objects["Deployment", release_name(request)]["status"] = {"conditions": [refused]}
    failed = deploys.step(request)
    assert failed == Failed(reason=f"the cluster refuses its pods: {message}", option=option, gone=True)


NODE_PORT = "service_type: NodePort, node_port: 30001, auth: key, autoscale: {min: 1, max: 3}, labels: {team: red}"


def other_options(deploys: Deploys, block: str = "replicas: 1, labels: {team: blue}") -> tuple[Request, dict[Any, Any]]:
    """Release 2 with other options, accepted beside release 1, whose options are known. Also the objects before it."""
    first = deploys.request(1, block)
    assert deploys.deploy(first) == Ready()
    before = kept(deploys.cluster)
    digest = first.package.digest
    stable = replace(first.deployment, release=1, release_id=id_of(1), package_digest=digest)
    second = replace(deploys.request(2, NODE_PORT), stable=stable)
    deploys.bring_up(second)
    return second, before


def kept(cluster: FakeCluster) -> dict[Any, Any]:
    """The objects of the whole service, without the marks that differ in each release."""
    found: dict[Any, Any] = {}
    for (kind, name), body in cluster.objects.items():
        if name.startswith("salary") and "lading.release-id" not in body["metadata"]["labels"]:
            found[kind, name] = deepcopy((body["metadata"]["labels"], body.get("spec")))
    return found


def test_after_an_undoing_each_object_is_as_the_release_before_wants_it(deploys: Deploys, cluster: FakeCluster) -> None:
    second, before = other_options(deploys, "labels: {team: blue}, autoscale: {min: 2, max: 5}")
    assert isinstance(deploys.step(second, up=True), Pending)
    assert cluster.objects["Service", "salary"]["spec"]["type"] == "NodePort"
    crash(cluster, second)
    assert isinstance(deploys.step(second, up=True), Failed)
    assert deploys.serving == id_of(1)
    assert kept(cluster) == before


def test_objects_that_were_applied_before_the_crash_are_restored(deploys: Deploys, cluster: FakeCluster) -> None:
    second, before = other_options(deploys)
    assert isinstance(deploys.step(second, up=True), Pending)
    cluster.refused = {("DELETE", "Deployment"): (503, "busy")}
    with pytest.raises(Transient):
        deploys.step(second, up=True)
    assert ("HorizontalPodAutoscaler", "salary") in cluster.objects
    crash(cluster, second)
    with pytest.raises(Transient):
        deploys.step(second, up=True)
    cluster.objects["NetworkPolicy", "salary"]["metadata"]["labels"]["team"] = "red"  # as if it had not come so far
    cluster.refused = {}
    assert isinstance(deploys.step(second, up=True), Failed)
    assert kept(cluster) == before


def test_a_refused_release_takes_its_objects_with_it(deploys: Deploys, cluster: FakeCluster) -> None:
    second, before = other_options(deploys)
    assert ("Secret", "salary-keys") in cluster.objects
    assert isinstance(deploys.step(second, up=False), Failed)
    assert kept(cluster) == before


def test_objects_that_another_command_may_need_stay(deploys: Deploys, cluster: FakeCluster) -> None:
    second, _ = other_options(deploys)
    deploys.bring_up(deploys.request(3, NODE_PORT))
    assert isinstance(deploys.step(second, up=False), Failed)
    assert ("Secret", "salary-keys") in cluster.objects


def test_the_options_of_a_release_of_another_store_are_not_guessed(deploys: Deploys, cluster: FakeCluster) -> None:
    second, _ = other_options(deploys)
    assert second.stable is not None
    other = replace(second, stable=replace(second.stable, release_id="another store's"))
    assert isinstance(deploys.step(other, up=True), Pending)
    crash(cluster, second)
    assert isinstance(deploys.step(other, up=True), Failed)
    assert deploys.serving == id_of(1)
    assert ("Secret", "salary-keys") in cluster.objects


@pytest.mark.parametrize("up", [None, False])
def test_the_next_command_ends_an_interrupted_undoing(deploys: Deploys, cluster: FakeCluster, up: bool | None) -> None:
    second, before = other_options(deploys)
    assert isinstance(deploys.step(second, up=True), Pending)
    cluster.refused = {("DELETE", "Deployment"): (503, "busy")}
    with pytest.raises(Transient):
        deploys.step(second, up=True)
    crash(cluster, second)
    cluster.refused = {("PATCH", "NetworkPolicy"): (503, "busy")}
    with pytest.raises(Transient):
        deploys.step(second, up=True)
    assert deploys.serving == id_of(1)
    cluster.refused = {}
    assert isinstance(deploys.step(second, up=up), Failed)
    assert kept(cluster) == before


def test_the_reason_of_a_failure_is_shown_if_an_object_cannot_be_restored(
    deploys: Deploys, cluster: FakeCluster, context: MemoryContext
) -> None:
    second, _ = other_options(deploys)
    assert isinstance(deploys.step(second, up=True), Pending)
    crash(cluster, second)
    cluster.refused = {("PATCH", "PodDisruptionBudget"): (403, "not allowed")}
    assert deploys.step(second, up=True) == Failed(reason="the container ended with exit code 3", gone=True)
    assert any("keeps options of the one that failed" in warning for warning in context.warnings)
