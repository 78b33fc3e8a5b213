"""The time that a request to an API server may take."""

from __future__ import annotations

import httpx2
import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Canary
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Deployment, InvokeRequest, Transient
from lading_kubernetes.invoking import invoke
from lading_kubernetes.measuring import metrics
from lading_kubernetes.options import KubernetesOptions
from lading_kubernetes.rest import Cluster

UNREACHED = '{"kind":"Status","message":"error trying to reach service: write: connection reset by peer","code":500}'


@pytest.mark.parametrize(("left", "least", "most"), [(None, 30, 30), (3600, 30, 30), (10, 0, 8), (-1, 0.5, 0.5)])
def test_a_request_ends_before_the_time_of_its_hook(left: float | None, least: float, most: float) -> None:
    given: list[float] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        given.append(request.extensions["timeout"]["read"])
        return httpx2.Response(200, json={"items": []})

    http = httpx2.Client(base_url="https://api.example", transport=httpx2.MockTransport(reply))
    Cluster(http, "models", left).list("Pod")
    assert least <= given[0] <= most


def test_a_connection_that_ends_before_the_pod_is_no_answer() -> None:
    http = httpx2.Client(
        base_url="https://api.example", transport=httpx2.MockTransport(lambda _: httpx2.Response(500, text=UNREACHED))
    )
    cluster = Cluster(http, "models")
    deployment = Deployment(service="salary", target="t", options=KubernetesOptions())
    uri = cluster.proxy("Pod", "a:5001")
    request = InvokeRequest(deployment=deployment, uri=uri, body=b"1", key=None, headers={}, timeout=5)
    with pytest.raises(Transient, match="connection reset by peer"):
        invoke(request, cluster)


def test_figures_that_do_not_reach_a_pod_are_read_again(
    canary: Canary, cluster: FakeCluster, context: MemoryContext
) -> None:
    def lose(method: str, kind: str, name: str) -> None:
        cluster.refused = {("GET", "Pod"): (500, UNREACHED)} if name else {}

    cluster.before = lose
    with pytest.raises(Transient, match="the service has not answered"):
        metrics(canary.request(1).deployment, context, cluster.client())
