"""Objects that must go, and objects of others that must stay as they are, against an API server in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Deploys, Request
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Done, Failed, Pending, Ready
from lading_kubernetes.failing import Forbidden
from lading_kubernetes.owning import labels, release_name
from lading_kubernetes.removing import delete

HOST = "ingress: {host: salary.example.com}"
FORBIDDEN = (403, "User cannot list resource ingresses")
CHART = {"app.kubernetes.io/name": "salary", "app.kubernetes.io/managed-by": "Helm"}
"""The labels of a pod that a Helm chart with the name of the service has made."""


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    return Deploys(tmp_path, cluster, context)


def to_the_end(cluster: FakeCluster, context: MemoryContext, request: Request) -> None:
    """Delete a service. Its pods end with their Deployment."""
    while isinstance(step := delete(request.deployment, context, cluster.client()), Pending):
        for each in [each for each in cluster.objects if each[0] == "Pod"]:
            del cluster.objects[each]
    assert step == Done()


def test_a_delete_does_not_end_while_an_object_of_the_options_cannot_be_looked_at(
    deploys: Deploys, cluster: FakeCluster, context: MemoryContext
) -> None:
    request = deploys.request(block=HOST)
    assert deploys.deploy(request) == Ready()
    cluster.refused["GET", "Ingress"] = FORBIDDEN
    with pytest.raises(Forbidden, match="cannot list resource ingresses"):
        to_the_end(cluster, context, request)
    assert "Service/salary" in cluster.names()
    del cluster.refused["GET", "Ingress"]
    to_the_end(cluster, context, request)
    assert cluster.names() == set()
    assert context.warnings == []


def test_a_delete_warns_once_of_kinds_that_it_could_not_look_at(
    deploys: Deploys, cluster: FakeCluster, context: MemoryContext
) -> None:
    assert deploys.deploy(deploys.request(block=HOST)) == Ready()
    cluster.refused["GET", "Ingress"] = cluster.refused["GET", "HTTPRoute"] = FORBIDDEN
    to_the_end(cluster, context, deploys.request())
    (warning,) = context.warnings
    assert "the account may not look at Ingress, HTTPRoute: if salary had one" in warning
    assert cluster.names() == {"Ingress/salary"}


def test_a_deploy_warns_of_kinds_that_it_could_not_look_at(
    deploys: Deploys, cluster: FakeCluster, context: MemoryContext
) -> None:
    cluster.refused["GET", "Ingress"] = FORBIDDEN
    assert deploys.deploy(deploys.request()) == Ready()
    assert ["may not look at Ingress" in each for each in context.warnings] == [True]


def test_a_refused_release_is_removed_although_its_log_cannot_be_read(deploys: Deploys, cluster: FakeCluster) -> None:
    assert deploys.deploy(deploys.request()) == Ready()
    second = deploys.request(2)
    deploys.bring_up(second)
    cluster.refused["GET", "Pod/log"] = (500, "the kubelet does not answer")
    assert deploys.step(second, up=False) == Failed(reason="[1] is wrong", gone=True)
    assert f"Deployment/{release_name(second)}" not in cluster.names()


def test_pods_of_others_with_the_name_of_the_service_are_left_alone(deploys: Deploys, cluster: FakeCluster) -> None:
    theirs = cluster.put("Pod", "chart", {"metadata": {"labels": CHART}})
    request = deploys.request(block="auth: key")
    assert deploys.deploy(request) == Ready()
    deploys.keys(request, rotate="primary")
    assert "annotations" not in theirs["metadata"]
    ours = labels("salary").items()
    for kind, path in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        wanted = cluster.objects[kind, "salary"]["spec"][path]["matchLabels"].items()
        assert wanted <= ours, kind
        assert not wanted <= CHART.items(), kind
