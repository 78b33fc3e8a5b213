"""The log of a service, also of a container that has ended."""

from __future__ import annotations

import pytest
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import Deployment, LogsRequest, Transient
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


def refuse(cluster: FakeCluster, *pods: str) -> None:
    """Let the nodes of some pods not answer."""

    def before(_method: str, _kind: str, name: str) -> None:
        refusal = (500, 'Get "https://10.0.0.4:10250": dial tcp: no route to host')
        cluster.refused = {("GET", "Pod/log"): refusal} if name in pods else {}

    cluster.before = before


def test_the_log_of_an_unreachable_node_does_not_hide_the_others(cluster: FakeCluster) -> None:
    cluster.put("Pod", "q-2", {"metadata": {"labels": labels("salary", "r1")}})
    refuse(cluster, "q-2")
    found = read_log(LogsRequest(deployment=DEPLOYMENT), cluster.client())
    line, failed = found.lines
    assert line == "p: begins"
    assert failed.startswith("2: its log cannot be read: the log of q-2: ")
    assert failed.endswith("no route to host")
    again = read_log(LogsRequest(deployment=DEPLOYMENT, cursor=found.cursor), cluster.client())
    assert again.lines == (), "the same failure is shown once"
    refuse(cluster)
    last = read_log(LogsRequest(deployment=DEPLOYMENT, cursor=again.cursor), cluster.client())
    assert last.lines == ("2: begins",)


def test_the_logs_of_no_pod_are_an_error(cluster: FakeCluster) -> None:
    cluster.put("Pod", "q-2", {"metadata": {"labels": labels("salary", "r1")}})
    refuse(cluster, "p", "q-2")
    with pytest.raises(Transient, match="no route to host"):
        read_log(LogsRequest(deployment=DEPLOYMENT), cluster.client())
