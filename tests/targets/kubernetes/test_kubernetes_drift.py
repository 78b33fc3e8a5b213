"""Fields that others change in the objects of a release, on a real cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.targets.kubernetes.kubernetes_kit import Hooks

from lading import DeployRequest, PlanRequest, Ready, UpRelease
from lading_kubernetes import lading_plan, lading_status
from lading_kubernetes.options import Autoscale, KubernetesOptions

pytestmark = pytest.mark.kubernetes


def test_changed_fields_are_named_with_their_managers_and_a_deploy_repairs_them(hooks: Hooks) -> None:
    env = {"MODE": "quick"}
    deployment, kubectl = hooks.deployment(env=env), hooks.kubernetes.kubectl
    assert hooks.deploy(hooks.request(env=env)) == Ready()
    assert lading_status(deployment, hooks.context).changed == {}
    name = kubectl("get", "deploy", "-o", "name", "-l", f"app.kubernetes.io/name={hooks.service}")
    kubectl("set", "env", name, "MODE=slow")
    template = '{"spec": {"terminationGracePeriodSeconds": 5}}'
    kubectl("patch", name, "--patch", f'{{"spec": {{"replicas": 2, "template": {template}}}}}')
    kubectl("patch", "svc", hooks.service, "--patch", '{"spec": {"type": "NodePort"}}')
    found = lading_status(deployment, hooks.context)
    assert found.changed == {
        "replicas": "changed by kubectl-patch",
        "env.MODE": "changed by kubectl-set",
        "Deployment.spec.template.spec.terminationGracePeriodSeconds": "changed by kubectl-patch",
        "service_type": "changed by kubectl-patch",
    }
    assert "replicas was changed by kubectl" in found.detail
    assert hooks.deploy(hooks.request(2, env=env)) == Ready()
    assert lading_status(deployment, hooks.context).changed == {}
    assert hooks.kubernetes.read("svc", hooks.service)["spec"]["type"] == "ClusterIP"


def test_a_scaled_deployment_and_an_edited_secret_are_shown_without_values(hooks: Hooks) -> None:
    env, written = {"TOKEN": "s3cr3t"}, {"env": {"TOKEN": "${TOKEN}"}}

    def request(release: int) -> DeployRequest[KubernetesOptions]:
        made = hooks.request(release, env=env)
        return replace(made, deployment=replace(made.deployment, written=written))

    first, kubectl = request(1), hooks.kubernetes.kubectl
    assert hooks.deploy(first) == Ready()
    deployment = first.deployment
    assert lading_status(deployment, hooks.context).changed == {}
    name = kubectl("get", "deploy", "-o", "name", "-l", f"app.kubernetes.io/name={hooks.service}")
    kubectl("scale", name, "--replicas=2")
    kubectl("patch", name.replace("deployment.apps", "secret"), "--patch", '{"stringData": {"TOKEN": "0ther-s3cr3t"}}')
    found = lading_status(deployment, hooks.context)
    assert found.changed == {"replicas": "changed from 1 to 2", "env.TOKEN": "changed by kubectl-patch"}
    assert "s3cr3t" not in f"{found} {hooks.context.facts}"
    kubectl("delete", name.replace("deployment.apps", "secret"))
    assert lading_status(deployment, hooks.context).changed[f"Secret.{name.partition('/')[2]}"] == "removed"
    assert hooks.deploy(request(2)) == Ready()
    assert lading_status(deployment, hooks.context).changed == {}


def test_an_autoscaler_may_change_the_number_of_pods(hooks: Hooks) -> None:
    scale = Autoscale(min=1, max=3)
    assert hooks.deploy(hooks.request(autoscale=scale)) == Ready()
    name = hooks.kubernetes.kubectl("get", "deploy", "-o", "name", "-l", f"app.kubernetes.io/name={hooks.service}")
    hooks.kubernetes.kubectl("patch", name, "--patch", '{"spec": {"replicas": 2}}')
    assert lading_status(hooks.deployment(), hooks.context).changed == {"replicas": "changed by kubectl-patch"}
    assert lading_status(hooks.deployment(autoscale=scale), hooks.context).changed == {}


def test_a_plan_names_the_fields_that_a_deploy_changes(hooks: Hooks) -> None:
    scale = Autoscale(min=1, max=3)
    assert hooks.deploy(hooks.request(autoscale=scale)) == Ready()

    def planned(**options: Any) -> list[str]:
        up = UpRelease(service=hooks.service, release=1)
        made = PlanRequest(deployment=hooks.deployment(autoscale=scale, **options), up=up)
        return [each.message for each in lading_plan(made, hooks.context).findings]

    assert planned() == []
    hooks.kubernetes.kubectl("patch", "svc", hooks.service, "--patch", '{"spec": {"type": "NodePort"}}')
    (found,) = (each for each in planned() if "spec.type" in each)
    assert found == f"Service {hooks.service}: spec.type: NodePort → ClusterIP, set by kubectl-patch"
    assert any("metadata.labels.team: nothing → blue" in each for each in planned(labels={"team": "blue"}))
