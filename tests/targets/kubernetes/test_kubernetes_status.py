"""The status of a service against an API server in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Deploys
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Ready, State, Status
from lading_kubernetes.asking import status
from lading_kubernetes.owning import release_name

ENDED = {"terminated": {"exitCode": 3}}
LOOP = {"waiting": {"reason": "CrashLoopBackOff"}}
RUNS = {"running": {"startedAt": "2020-01-01T00:00:00Z"}}


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    made = Deploys(tmp_path, cluster, context)
    assert made.deploy(made.request(1, "replicas: 2")) == Ready()
    return made


def shown(deploys: Deploys, context: MemoryContext) -> Status:
    return status(deploys.request(1).deployment, context, deploys.cluster.client())


def give(deploys: Deploys, name: str, *, ready: bool, **state: Any) -> None:
    """Give a pod of the release that serves another state."""
    cluster, release = deploys.cluster, release_name(deploys.request(1))
    deployment = cluster.objects["Deployment", release]
    deployment["status"]["availableReplicas"] = 1
    conditions = [{"type": "Ready", "status": str(ready)}]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    content = {"conditions": conditions, "containerStatuses": [{"name": "service", **state}]}
    cluster.put("Pod", f"{release}-{name}", {"metadata": {"labels": labels}, "status": content})


def test_an_old_crash_of_a_ready_pod_is_not_the_cause_today(deploys: Deploys, context: MemoryContext) -> None:
    give(deploys, "1", ready=True, state=RUNS, lastState=ENDED)
    give(deploys, "2", ready=False, state=RUNS)
    assert shown(deploys, context).detail == "1 of 2 pods are ready"


def test_an_old_crash_of_a_container_that_runs_is_not_the_cause_today(deploys: Deploys, context: MemoryContext) -> None:
    give(deploys, "1", ready=False, state=RUNS, lastState=ENDED)
    assert (shown(deploys, context).state, shown(deploys, context).detail) == (State.PENDING, "0 of 2 pods are ready")


def test_a_crash_loop_is_the_cause(deploys: Deploys, context: MemoryContext) -> None:
    give(deploys, "2", ready=False, state=LOOP, lastState=ENDED)
    assert shown(deploys, context).detail == "1 of 2 pods are ready: the container ended with exit code 3"


@pytest.mark.parametrize("marks", [None, {}])
def test_a_secret_that_was_made_again_by_hand_is_shown(
    tmp_path: Path, cluster: FakeCluster, context: MemoryContext, marks: dict[str, str] | None
) -> None:
    deploys, written = Deploys(tmp_path, cluster, context), {"env": {"TOKEN": "${TOKEN}"}}
    request = deploys.request(1, "env: {TOKEN: s3cr3t}", written)
    assert deploys.deploy(request) == Ready()
    assert status(request.deployment, context, cluster.client()).changed == {}
    secret = cluster.objects["Secret", release_name(request)]["metadata"]
    secret["uid"] = "another"
    if marks is not None:
        secret["annotations"] = marks
    found = status(request.deployment, context, cluster.client())
    assert found.changed == {f"Secret.{release_name(request)}": "replaced"}
