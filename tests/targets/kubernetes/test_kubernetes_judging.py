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


QUOTA = 'pods "p" is forbidden: exceeded quota: few, requested: {0}, used: {0}, limited: {0}'


@pytest.mark.parametrize(
    ("message", "option"),
    [
        (QUOTA.format("pods=1"), "replicas"),
        (QUOTA.format("count/pods=1"), "replicas"),
        (QUOTA.format("limits.cpu=500m,pods=1"), "cpu"),
        (QUOTA.format("requests.memory=512Mi"), "memory"),
        (QUOTA.format("requests.nvidia.com/gpu=1"), "resources"),
        ("exceeded quota: few", "resources"),
        ('pods "p" is forbidden: failed quota: few: must specify limits.ephemeral-storage', "resources"),
        ('pods "p" is forbidden: maximum cpu usage per Container is 200m, but limit is 500m', "cpu"),
        ('pods "p" is forbidden: [minimum memory usage per Pod is 1Gi, but request is 5Mi]', "memory"),
        ('pods "p" is forbidden: memory max limit to request ratio per Container is 1, but provided', "memory"),
        ('pods "p" is forbidden: no PriorityClass with name absent was found', "priority_class"),
        ('error looking up service account models/a: serviceaccount "a" not found', "service_account"),
        ('denied for user "system:serviceaccount:kube-system:replicaset-controller"', "patch"),
        ('pods "p" is forbidden: violates PodSecurity "restricted:latest"', "patch"),
    ],
)
def test_the_words_of_a_refusal_name_the_option(message: str, option: str) -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "lastTransitionTime": ago(25), "message": message}
    found = judged({}, deployment={**DEPLOYMENT, "status": {"conditions": [refused]}})
    assert found == Cause(f"the cluster refuses its pods: {message}", option)


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


def waiting_for_its_volumes(seconds: float, **status: Any) -> dict[str, Any]:
    """A pod that has its node for some seconds, and whose containers are not made yet."""
    condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(seconds)}
    state = {"name": "service", "state": {"waiting": {"reason": "ContainerCreating"}}}
    return {"status": {"conditions": [condition], "containerStatuses": [state], **status}}


@pytest.mark.parametrize(
    ("reason", "message", "option", "patience"),
    [
        ("FailedMount", 'MountVolume.SetUp failed for volume "data" : secret "absent" not found', "patch", 20),
        ("FailedMount", 'MountVolume.SetUp failed for volume "keys" : secret "salary-keys" not found', "auth", 20),
        ("FailedAttachVolume", 'Multi-Attach error for volume "data"', "patch", 120),
        ("FailedCreatePodSandBox", "failed to assign an IP address", "", 20),
    ],
)
def test_a_pod_that_its_node_cannot_prepare_has_a_cause(
    reason: str, message: str, option: str, patience: float
) -> None:
    def event(seconds: float) -> dict[str, Any]:
        return {"reason": reason, "message": message, "firstTimestamp": ago(seconds)}

    late = {**event(2), "message": "Unable to attach or mount volumes: timed out waiting for the condition"}
    expected = Cause(f"the node cannot prepare the pod p: {message}", option)
    assert judged(waiting_for_its_volumes(400), event(patience + 5), late) == expected
    assert judged(waiting_for_its_volumes(400), event(patience - 5)) is None, "it may still pass"
    assert judged(waiting_for_its_volumes(400), event(patience + 5), {"reason": "Pulling"}) is None, "it has passed"
    assert judged(with_container(state={"running": {}}), event(patience + 5)) is None


def test_the_events_of_a_pod_that_has_just_got_its_node_are_not_read() -> None:
    cluster = FakeCluster()
    client = cluster.client()
    client.list("Pod")
    assert cause(client, DEPLOYMENT, [{"metadata": {"name": "p"}, "spec": {}, **waiting_for_its_volumes(5)}]) is None
    assert cluster.requests == ["GET Pod"]


LOOP = {"waiting": {"reason": "CrashLoopBackOff"}}
ENDED = {"terminated": {"exitCode": 1}}


def test_an_init_container_that_fails_is_named() -> None:
    waiting = {"name": "service", "state": {"waiting": {"reason": "PodInitializing"}}}

    def pod(**state: Any) -> dict[str, Any]:
        return {"status": {"initContainerStatuses": [{"name": "fetch", **state}], "containerStatuses": [waiting]}}

    expected = Cause("the init container fetch ended with exit code 1", "patch", "p", "fetch")
    assert judged(pod(state=LOOP, lastState=ENDED)) == expected
    assert judged(pod(state=ENDED)) is None, "the node starts it again"
    assert judged(pod(state={"terminated": {"exitCode": 0, "reason": "Completed"}})) is None
    found = judged(pod(state={"waiting": {"reason": "InvalidImageName", "message": "invalid"}}))
    assert found == Cause("the image has no valid name: invalid", "patch")


def test_a_container_beside_ours_that_fails_is_named() -> None:
    def pod(**state: Any) -> dict[str, Any]:
        ours = {"name": "service", "state": {"running": {}}}
        return {"status": {"containerStatuses": [{"name": "proxy", **state}, ours]}}

    killed = {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    assert judged(pod(state=LOOP, **killed)) == Cause("the container proxy ran out of memory", "patch", "p", "proxy")
    assert judged(pod(state={"running": {}}, **killed)) is None, "it runs again"
    refused = {"reason": "CreateContainerConfigError", "message": 'configmap "absent" not found'}
    found = judged(pod(state={"waiting": refused}), {"reason": "Failed", "firstTimestamp": ago(25)})
    assert found == Cause('the container proxy cannot be created: configmap "absent" not found', "patch")


def test_a_probe_of_another_container_is_not_the_cause() -> None:
    found = judged(
        with_container(lastState={"terminated": {"exitCode": 3}}),
        {
            "reason": "Killing",
            "message": "Container proxy failed liveness probe, will be restarted",
            "involvedObject": {"name": "p", "fieldPath": "spec.containers{proxy}"},
        },
    )
    assert found == Cause("the container ended with exit code 3", "", "p")
