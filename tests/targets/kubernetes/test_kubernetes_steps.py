"""The hooks on a real cluster, step by step: what a deploy changes, and what it leaves alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.targets.kubernetes.kubernetes_kit import Hooks

from lading import (
    Candidate,
    Failed,
    InvokeRequest,
    Json,
    ListRequest,
    LogsRequest,
    NoScoringUri,
    Ready,
    Refused,
    ScoringUri,
    StageFailed,
    State,
    Verdict,
)
from lading_kubernetes import (
    lading_delete,
    lading_deploy,
    lading_invoke,
    lading_keys,
    lading_list,
    lading_logs,
    lading_scoring_uri,
    lading_status,
)
from lading_kubernetes.options import Autoscale

pytestmark = pytest.mark.kubernetes

THEIRS: dict[str, Json] = {
    "service": {"kind": "Service", "spec": {"ports": [{"port": 80}]}},
    "serviceaccount": {"kind": "ServiceAccount"},
    "networkpolicy": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {"podSelector": {"matchLabels": {"theirs": "yes"}}},
    },
}
"""Objects that Lading has not made."""


def test_a_service_from_its_first_release_to_its_end(hooks: Hooks) -> None:
    first, deployment, read = hooks.request(), hooks.deployment(), hooks.kubernetes.read
    assert lading_status(deployment, hooks.context).state is State.ABSENT
    assert isinstance(lading_scoring_uri(deployment, hooks.context), NoScoringUri)
    candidate = hooks.steps(first)
    assert isinstance(candidate, Candidate)
    asked = InvokeRequest(
        deployment=deployment, uri=candidate.uri.replace("/score", "/"), body=None, key=None, headers={}, timeout=10
    )
    answer = lading_invoke(asked, hooks.context)
    assert answer is not None
    assert answer.status == 200
    assert hooks.kubernetes.kubectl("get", "svc", "-o", "name", "-l", f"app.kubernetes.io/name={hooks.service}") == ""
    assert hooks.steps(first) == candidate, "a killed command continues"
    assert hooks.steps(replace(first, verdict=Verdict(up=True))) == Ready()
    assert hooks.steps(first) == Ready(), "a command that was killed after the switch ends it"
    assert read("svc", hooks.service)["spec"]["selector"]["lading.release-id"] == first.release_id

    found = lading_status(deployment, hooks.context)
    assert (found.state, found.package_digest, found.release_id) == (
        State.RUNNING,
        first.package.digest,
        first.release_id,
    )
    log = lading_logs(LogsRequest(deployment=deployment), hooks.context)
    assert "listening" in log.lines
    assert lading_logs(LogsRequest(deployment=deployment, cursor=log.cursor), hooks.context).lines == ()

    second = hooks.request(2)
    refused = hooks.steps(replace(second, verdict=Verdict(up=False, reason="[1] is wrong")))
    assert refused == Failed(reason="[1] is wrong", gone=True)
    assert lading_status(deployment, hooks.context).release_id == first.release_id
    assert hooks.deploy(second) == Ready()
    (release,) = read_of(hooks)
    assert release["metadata"]["labels"]["lading.release-id"] == second.release_id
    (listed,) = [
        each
        for each in lading_list(ListRequest(deployment=deployment), hooks.context).objects
        if each.service == hooks.service
    ]
    assert (listed.release, listed.state) == (2, State.RUNNING)

    hooks.delete()
    assert lading_status(deployment, hooks.context).state is State.ABSENT
    assert hooks.kubernetes.names(hooks.service) == []


def read_of(hooks: Hooks) -> list[Json]:
    """The Deployments of the service."""
    return [
        each
        for each in hooks.kubernetes.read("deploy")["items"]
        if each["metadata"]["labels"].get("app.kubernetes.io/name") == hooks.service
    ]


@pytest.mark.parametrize("kind", THEIRS)
def test_an_object_of_others_is_left_alone(hooks: Hooks, kind: str) -> None:
    kubectl, kubernetes = hooks.kubernetes.kubectl, hooks.kubernetes
    body = {"apiVersion": "v1", "metadata": {"name": hooks.service}, **THEIRS[kind]}
    kubectl("apply", "-f", "-", stdin=json.dumps(body))
    before = kubernetes.read(kind, hooks.service)
    with pytest.raises(Refused, match=f"{hooks.service} already, and Lading has not made it"):
        hooks.steps(hooks.request())
    if kind == "service":
        with pytest.raises(Refused):
            lading_delete(hooks.deployment(), hooks.context)
    else:
        hooks.delete()
    assert kubernetes.read(kind, hooks.service) == before
    assert read_of(hooks) == []


def test_keys_are_made_once_and_rotated(hooks: Hooks) -> None:
    deployment = hooks.deployment(auth="key")
    assert hooks.deploy(hooks.request(auth="key")) == Ready()
    first = lading_keys(deployment, hooks.context, None)
    assert first.primary is not None
    assert first.secondary is not None
    rotated = lading_keys(deployment, hooks.context, "primary")
    assert rotated.primary is not None
    assert rotated.secondary is not None
    assert rotated.primary.reveal() != first.primary.reveal()
    assert rotated.secondary.reveal() == first.secondary.reveal()
    pods = hooks.kubernetes.kubectl("get", "pods", "-o", "name", "-l", f"app.kubernetes.io/name={hooks.service}")
    files = hooks.kubernetes.kubectl("exec", pods.split()[0], "--", "ls", "/etc/lading").split()
    assert files == ["digests"], "the pods do not see the keys"
    assert hooks.deploy(hooks.request(2, auth="key")) == Ready()
    assert lading_keys(deployment, hooks.context, None).primary.reveal() == rotated.primary.reveal()  # type: ignore[union-attr]


def test_an_option_that_is_gone_removes_its_object(hooks: Hooks) -> None:
    scaled = hooks.request(service_type="LoadBalancer", autoscale=Autoscale(min=1, max=2))
    assert hooks.deploy(scaled) == Ready()
    name = f"horizontalpodautoscaler.autoscaling/{hooks.service}"
    assert name in hooks.kubernetes.names(hooks.service)
    found = lading_scoring_uri(hooks.deployment(service_type="LoadBalancer"), hooks.context)
    assert isinstance(found, ScoringUri)
    assert found.uri.startswith("http://127.88.0."), "the address of the load balancer"
    assert hooks.deploy(hooks.request(2)) == Ready()
    assert name not in hooks.kubernetes.names(hooks.service)
    found = lading_scoring_uri(hooks.deployment(), hooks.context)
    assert isinstance(found, ScoringUri)
    assert found.uri.endswith(f"/services/{hooks.service}:80/proxy/score")


def test_a_service_that_is_scaled_to_nothing_is_stopped(hooks: Hooks) -> None:
    assert hooks.deploy(hooks.request()) == Ready()
    (release,) = read_of(hooks)
    hooks.kubernetes.kubectl("scale", "deploy", release["metadata"]["name"], "--replicas=0")
    assert lading_status(hooks.deployment(), hooks.context).state is State.STOPPED


def test_the_right_that_an_account_lacks_is_reported(hooks: Hooks) -> None:
    with pytest.raises(StageFailed, match='User "limited" cannot get resource "services"'):
        lading_deploy(hooks.request(context="limited"), hooks.context)


def test_a_credential_program_is_used(hooks: Hooks) -> None:
    assert lading_status(hooks.deployment(context="exec"), hooks.context).state is State.ABSENT
