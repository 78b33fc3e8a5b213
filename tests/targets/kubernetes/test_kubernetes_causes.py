"""The cause of each failure of a release, found on a real cluster, and the option to change."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.targets.kubernetes.kubernetes_kit import ANSWER, Hooks, program
from tests.waiting import eventually

from lading import BadInput, Failed, StageFailed
from lading_kubernetes import lading_deploy, lading_status

pytestmark = pytest.mark.kubernetes

ABSENT_MAP = {"envFrom": [{"configMapRef": {"name": "absent"}}]}
ABSENT_VOLUME = {
    "volumes": [{"name": "data", "secret": {"secretName": "absent"}}],
    "containers": [{"name": "service", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
}
OUT_OF_MEMORY = "import time\nkept = b'x' * 10**9\ntime.sleep(60)"
NEVER_READY = ANSWER.replace("send_response(200)", "send_response(503)")
ONCE_READY = NEVER_READY.replace("503", "503 if hasattr(Handler, 'asked') else 200").replace(
    "self.end_headers()", "self.end_headers(); Handler.asked = True"
)

CASES = [
    ("cannot pull the image 127.0.0.1:1/none:1: .*refused", "image_pull_secrets", {"image": "127.0.0.1:1/none:1"}),
    ("the image has no valid name: .*invalid reference format", "", {"image": "UPPER/none:1"}),
    (
        "the node does not have the image none:1, and may not pull it",
        "image_pull_policy",
        {"image": "none:1", "image_pull_policy": "Never"},
    ),
    ('the container cannot be created: configmap "absent" not found', "patch", {"patch": program("", **ABSENT_MAP)}),
    (
        'the node cannot prepare the pod .*: MountVolume.SetUp failed for volume "data" : secret "absent" not found',
        "patch",
        {"patch": {"Deployment": {"spec": {"template": {"spec": ABSENT_VOLUME}}}}},
    ),
    ("the container ended with exit code 3", "", {"patch": program("print('the end'); raise SystemExit(3)")}),
    ("the container could not be started: .*no such file", "patch", {"patch": program("", command=["/no/such"])}),
    ("the container ran out of memory", "memory", {"patch": program(OUT_OF_MEMORY)}),
    ("no node has room for a pod: .*Insufficient cpu", "cpu", {"cpu": "1000"}),
    ("no node has room for a pod: .*", "node_selector", {"node_selector": {"disk": "absent"}}),
    (
        "the container was ended by the node: Startup probe failed: .*(503|refused)",
        "start_timeout",
        {"patch": program(NEVER_READY), "start_timeout": 4},
    ),
    (
        "0 of 1 pods were ready after 40 s: ((Readiness|Liveness) probe failed: .*503|Startup probe failed: .*refused)",
        "ready_timeout",
        {"patch": program(ONCE_READY), "ready_timeout": 40, "start_timeout": 30},
    ),
    (
        'the cluster refuses its pods: .*serviceaccount "absent" not found',
        "service_account",
        {"service_account": "absent"},
    ),
]


@pytest.mark.parametrize(("reason", "option", "given"), CASES)
def test_a_failure_has_its_cause_and_leaves_nothing(
    hooks: Hooks, reason: str, option: str, given: dict[str, Any]
) -> None:
    step = hooks.steps(hooks.request(**given))
    assert isinstance(step, Failed)
    assert re.search(reason, step.reason), step
    assert step.option == option
    if "exit code 3" in reason:
        assert "the end" in step.log
    assert hooks.kubernetes.names(hooks.service) == []


def test_a_quota_is_a_cause(hooks: Hooks) -> None:
    kubectl = hooks.kubernetes.kubectl
    pod = {"containers": [{"name": "big", "image": "none", "resources": {"requests": {"memory": "4Gi"}}}]}
    overrides = f"--overrides={json.dumps({'apiVersion': 'v1', 'spec': pod})}"

    def is_known() -> bool:
        """Whether the cluster refuses a pod because of the quota. Its controller has to see the quota first."""
        try:
            kubectl("run", "big", "--image=none", "--dry-run=server", overrides)
        except AssertionError as error:
            return "exceeded quota: few" in str(error)
        return False

    kubectl("create", "quota", "few", "--hard=requests.memory=2Gi")
    try:
        eventually(is_known, "the quota is known")
        step = hooks.steps(hooks.request(memory="4Gi"))
    finally:
        kubectl("delete", "quota", "few")
    assert isinstance(step, Failed)
    assert "exceeded quota: few" in step.reason
    assert step.option == "memory"


def test_a_missing_right_is_named(hooks: Hooks) -> None:
    with pytest.raises(StageFailed, match='User "nobody" cannot get resource "services"') as caught:
        lading_status(hooks.deployment(context="nobody"), hooks.context)
    assert "the ClusterRole `edit` has it" in str(caught.value.hint)


def test_a_missing_namespace_is_named(hooks: Hooks) -> None:
    with pytest.raises(BadInput, match="the cluster has no namespace 'absent'") as caught:
        lading_deploy(hooks.request(namespace="absent"), hooks.context)
    assert caught.value.option == "namespace"


def test_a_missing_context_is_named(hooks: Hooks) -> None:
    with pytest.raises(BadInput, match="it has no context 'absent'; it has admin, exec, limited, nobody"):
        lading_status(hooks.deployment(context="absent"), hooks.context)
