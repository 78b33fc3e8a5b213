"""The cause of a failure, from the objects of a cluster: which states may pass, and the option to change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.targets.kubernetes.fake_cluster import START, FakeCluster

from lading_kubernetes.judging import Cause, cause

DEPLOYMENT: dict[str, Any] = {"metadata": {"generation": 1}, "spec": {"replicas": 1}}


def ago(seconds: float) -> str:
    return f"{START - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def judged(pod: dict[str, Any], *events: dict[str, Any], deployment: dict[str, Any] | None = None) -> Cause | None:
    """The cause for a pod with its events, by the clock of the cluster."""
    cluster = FakeCluster()
    for number, event in enumerate(events):
        cluster.put("Event", f"e{number}", {"involvedObject": {"name": "p"}, **event})
    client = cluster.client()
    client.list("Pod")  # the reply has the time of the cluster
    found = cause(client, deployment or DEPLOYMENT, [{"metadata": {"name": "p"}, "spec": {}, **pod}])
    assert cluster.requests.count("GET Event") <= 1
    return found


def without_node(seconds: float, **status: Any) -> dict[str, Any]:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "lastTransitionTime": ago(seconds),
        "message": "0/3 nodes are available: 3 Insufficient cpu.",
    }
    return {"status": {"conditions": [condition], **status}}


def with_container(**state: Any) -> dict[str, Any]:
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(300)}
    return {"status": {"conditions": [scheduled], "containerStatuses": [{"name": "service", "image": "i", **state}]}}


def test_a_cluster_has_time_to_add_a_node() -> None:
    assert judged(without_node(50)) is None
    found = judged(without_node(70))
    assert found is not None
    assert (found.reason[:27], found.option) == ("no node has room for a pod:", "cpu")


@pytest.mark.parametrize("reason", ["TriggeredScaleUp", "Nominated"])
def test_a_node_that_the_cluster_adds_is_awaited(reason: str) -> None:
    assert judged(without_node(300), {"reason": reason}) is None


def test_a_node_that_other_pods_leave_is_awaited() -> None:
    assert judged(without_node(300, nominatedNodeName="n1")) is None


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"])
def test_a_state_that_may_pass_fails_after_a_while(reason: str) -> None:
    pod = with_container(state={"waiting": {"reason": reason, "message": "failed to sync secret cache"}})
    assert judged(pod, {"reason": "Failed", "firstTimestamp": ago(5)}) is None, "the pod has its node for longer"
    assert judged(pod, {"reason": "Failed", "firstTimestamp": ago(25)}) is not None
    assert judged(pod) is not None, "without events, the time since the pod has a node counts"


def test_a_wrong_name_of_an_image_fails_at_once() -> None:
    pod = with_container(state={"waiting": {"reason": "InvalidImageName"}})
    assert judged(pod, {"reason": "Failed", "firstTimestamp": ago(1)}) is not None


@pytest.mark.parametrize(("seconds", "fails"), [(5, False), (25, True)])
def test_pods_that_are_refused_only_for_a_moment_are_awaited(seconds: float, fails: bool) -> None:
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "lastTransitionTime": ago(seconds),
        "message": "exceeded quota: few, limited: requests.memory=1Gi",
    }
    found = judged({}, deployment={**DEPLOYMENT, "status": {"conditions": [condition]}})
    assert (found is not None) == fails


@pytest.mark.parametrize(("probe", "option"), [("startup", "start_timeout"), ("liveness", "")])
def test_a_failed_probe_names_its_option(probe: str, option: str) -> None:
    found = judged(
        with_container(lastState={"terminated": {"exitCode": 0}}),
        {"reason": "Unhealthy", "message": f"{probe.title()} probe failed: 503"},
        {"reason": "Killing", "message": f"Container service failed {probe} probe, will be restarted"},
    )
    assert found == Cause(f"the container was ended by the node: {probe.title()} probe failed: 503", option, "p")


def test_a_cause_that_needs_no_events_reads_none() -> None:
    cluster = FakeCluster()
    pod = with_container(lastState={"terminated": {"reason": "OOMKilled"}})
    found = cause(cluster.client(), DEPLOYMENT, [{"metadata": {"name": "p"}, "spec": {}, **pod}])
    assert found == Cause("the container ran out of memory", "memory", "p")
    assert cluster.requests == []
