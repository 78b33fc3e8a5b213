"""Deploys to a real cluster through the command line."""

from __future__ import annotations

import pytest
from tests.targets.kubernetes.kubernetes_kit import Project

pytestmark = pytest.mark.kubernetes


def test_a_release_follows_another_and_a_wrong_one_does_not(project: Project) -> None:
    shell, kubernetes = project.shell, project.kubernetes
    block = "replicas: 2, auth: key, env: {GREETING: '${GREETING}'}"
    shell.env["GREETING"] = "a-secret-greeting"
    project.write(7, block, init="print('greeted', len(os.environ['GREETING']))")
    first = shell("deploy")
    assert first.out.strip().endswith(f"/services/{project.name}:80/proxy/score")
    assert project.answer() == [7]
    assert shell("deploy").out == first.out
    assert releases(project) == [1], "nothing to do"
    pods = kubernetes.kubectl(
        "get", "pods,deploy,svc", "-o", "json", "--selector", f"app.kubernetes.io/name={project.name}"
    )
    assert "a-secret-greeting" not in pods
    assert "greeted 17" in shell("logs").out
    (row,) = shell("status", "--json").json()["deployments"]
    (release,) = row["releases"]
    assert (release["requests"], release["errors"]) == (2, 0), (
        "the golden request and the first question, over two pods"
    )

    project.write(8, block)
    shell("deploy")
    assert project.answer() == [8]
    after = kubernetes.names(project.name)

    project.write(9, block, run="return [0]")
    refused = shell("deploy", code=8)
    assert "golden request 1 (1): response[0] is 0, expected 9" in refused.err
    assert project.answer() == [8]
    assert kubernetes.names(project.name) == after

    shell("rollback")
    assert project.answer() == [7]
    assert releases(project) == [4]
    shell("delete")
    assert kubernetes.names(project.name) == []


def releases(project: Project) -> list[int]:
    """The numbers of the releases that the cluster has."""
    rows = project.shell("list", "--json").json()["objects"]
    return [row["release"] for row in rows if row["service"] == project.name]


def test_the_cause_of_a_failure_has_its_line_in_the_manifest(project: Project) -> None:
    project.write(7, init="kept = b'x' * 10**9")
    failed = project.shell("deploy", code=8)
    assert "lading.yaml:" in failed.err
    assert "targets.kubernetes.memory: the container ran out of memory" in failed.err
    project.write(7, init="raise ValueError('no such table')")
    failed = project.shell("deploy", code=8)
    assert "ValueError: no such table" in failed.err
    assert "score.py" in failed.err
