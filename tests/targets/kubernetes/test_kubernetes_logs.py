"""The log of a service, also of a container that has ended."""

from __future__ import annotations

import pytest
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Deployment, LogsRequest
from lading_kubernetes.logs import read_log
from lading_kubernetes.options import KubernetesOptions
from lading_kubernetes.owning import labels, selector

DEPLOYMENT = Deployment(service="salary", target="t", options=KubernetesOptions())
OURS = {"lading.service": "salary", "lading.target": "t"}


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.put("Service", "salary", {"metadata": {"annotations": OURS}, "spec": {"selector": selector("salary", "r1")}})
    found.put("Pod", "p", {"metadata": {"labels": labels("salary", "r1")}})
    found.logs[False] = "2020-01-01T00:00:01.5Z begins\n"
    return found


def test_the_last_lines_of_a_crash_are_followed(cluster: FakeCluster) -> None:
    before = read_log(LogsRequest(deployment=DEPLOYMENT), cluster.client())
    assert before.lines == ("begins",)
    ended = {"terminated": {"exitCode": 1, "finishedAt": "2020-01-01T00:00:02Z"}}
    cluster.objects["Pod", "p"]["status"] = {"containerStatuses": [{"restartCount": 1, "lastState": ended}]}
    cluster.logs[True] = "2020-01-01T00:00:01.5Z begins\n2020-01-01T00:00:02.1Z ValueError: no table\n"
    cluster.logs[False] = "2020-01-01T00:00:03Z begins again\n"
    after = read_log(LogsRequest(deployment=DEPLOYMENT, cursor=before.cursor), cluster.client())
    assert after.lines == ("ValueError: no table", "begins again")
    assert read_log(LogsRequest(deployment=DEPLOYMENT, cursor=after.cursor), cluster.client()).lines == ()
