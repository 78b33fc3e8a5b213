"""The problems of a deploy that the target sees before it, on a real cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from tests.targets.kubernetes.kubernetes_kit import Hooks, Kubernetes, program
from tests.waiting import eventually

from lading import BadInput, Json, PreflightRequest, Ready, Refused, TargetFinding
from lading_kubernetes import lading_preflight

pytestmark = pytest.mark.kubernetes


def found(hooks: Hooks, **options: Any) -> list[TargetFinding]:
    request = PreflightRequest(deployment=hooks.deployment(**options))
    return list(lading_preflight(request, hooks.context).findings)


@contextmanager
def made(kubernetes: Kubernetes, body: Json) -> Iterator[None]:
    """An object in the cluster while the block runs."""
    kubernetes.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    yield
    kubernetes.kubectl("delete", "-f", "-", stdin=json.dumps(body))


def test_a_role_with_the_missing_rights_is_printed_and_is_enough(hooks: Hooks) -> None:
    (finding,) = found(hooks, context="limited")
    assert "get, list, create, patch, delete deployments" in finding.message
    assert "get pods/log" in finding.message
    role = yaml.safe_load(str(finding.hint).partition("\n")[2])
    assert role["metadata"]["namespace"] == hooks.kubernetes.namespace
    hooks.kubernetes.kubectl("apply", "-f", "-", stdin=json.dumps(role))
    hooks.kubernetes.kubectl("create", "rolebinding", "lading", "--role=lading", "--user=limited")
    assert found(hooks, context="limited") == []
    assert hooks.deploy(hooks.request(context="limited")) == Ready()
    hooks.delete(context="limited")
    hooks.kubernetes.kubectl("delete", "rolebinding,role", "lading")


def test_the_things_that_options_name_must_exist(hooks: Hooks) -> None:
    named = {"image_pull_secrets": ("absent",), "service_account": "absent", "priority_class": "absent"}
    assert [(each.option, each.message.partition(" has ")[2]) for each in found(hooks, **named)] == [
        ("image_pull_secrets", "no Secret 'absent'"),
        ("service_account", "no ServiceAccount 'absent'"),
        ("priority_class", "no PriorityClass 'absent'"),
    ]
    assert found(hooks, service_account="default", priority_class="system-node-critical") == []


def test_a_quota_without_room_is_found(hooks: Hooks) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "room"}}
    with made(hooks.kubernetes, {**quota, "spec": {"hard": {"requests.memory": "100Ti", "pods": "900"}}}):
        (finding,) = eventually(lambda: found(hooks, memory="60Ti", replicas=2), "the cluster counts the quota")
        assert "the quota room has no room for the new pods: " in finding.message
        assert (finding.message.endswith("of 100Ti requests.memory are used"), finding.option) == (True, "memory")
        assert found(hooks) == []
        (finding,) = found(hooks, replicas=901)
        assert finding.option == "replicas"
        beside = {"name": "beside", "image": "none", "resources": {"requests": {"memory": "101Ti"}}}
        patch = program("")
        patch["Deployment"]["spec"]["template"]["spec"]["containers"].append(beside)
        assert [each.option for each in found(hooks, patch=patch)] == ["memory"]


def test_a_port_of_another_service_is_found(hooks: Hooks) -> None:
    port = {"port": 80, "nodePort": 30098, "protocol": "TCP"}
    spec = {"type": "NodePort", "ports": [port]}
    with made(hooks.kubernetes, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}, "spec": spec}):
        (finding,) = found(hooks, service_type="NodePort", node_port=30098)
        assert "provided port is already allocated" in finding.message
        assert finding.option == "node_port"
    assert found(hooks, service_type="NodePort", node_port=30098) == []


def test_objects_of_others_and_a_missing_namespace_have_the_error_of_the_deploy(hooks: Hooks) -> None:
    spec = {"ports": [{"port": 80}]}
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": hooks.service}, "spec": spec}
    with made(hooks.kubernetes, theirs), pytest.raises(Refused, match="Lading has not made it"):
        found(hooks)
    with pytest.raises(BadInput, match="the cluster has no namespace 'absent'"):
        found(hooks, namespace="absent")
