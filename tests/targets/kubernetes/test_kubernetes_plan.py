"""The changed fields in a plan, against an API server in memory."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Canary, Deploys
from tests.targets.kubernetes.fake_cluster import FakeCluster

from lading import BadInput, Done, Json, PlanEffect, PlanRequest, Ready, Transient, UpRelease
from lading_kubernetes.planning import findings

BLOCK = "replicas: 1, annotations: {team: blue}, ingress: {host: a.example}"


@pytest.fixture
def deploys(tmp_path: Path, cluster: FakeCluster, context: MemoryContext) -> Deploys:
    made = Deploys(tmp_path, cluster, context)
    assert made.deploy(made.request(1, BLOCK)) == Ready()
    return made


def planned(deploys: Deploys, block: str, written: Json = None, up: Json = None) -> list[str]:
    deployment = deploys.request(1, block, written).deployment
    request = PlanRequest(deployment=deployment, up=UpRelease(service="salary", release=1, written=up or {}))
    found = findings(request, lambda: nullcontext(deploys.cluster.client())).findings
    assert {each.effect for each in found} <= {PlanEffect.CHANGED}
    return [each.message for each in found]


def test_an_unchanged_block_changes_no_object(deploys: Deploys, cluster: FakeCluster) -> None:
    cluster.requests.clear()
    assert planned(deploys, BLOCK) == []
    changing = [each for each in cluster.requests if not each.startswith("GET")]
    assert {each.rpartition(" ")[2] for each in changing} == {"dryRun"}


def test_a_changed_field_is_named_with_both_values(deploys: Deploys) -> None:
    found = planned(deploys, BLOCK.replace("blue", "red").replace("a.example", "b.example"))
    assert "Service salary: metadata.annotations.team: blue → red" in found
    assert any(each.startswith("Ingress salary: spec.rules: ") and "b.example" in each for each in found)


def test_objects_that_are_made_or_removed_are_named(deploys: Deploys) -> None:
    found = planned(deploys, "replicas: 1, annotations: {team: blue}, route: {host: a.b, gateway: {name: public}}")
    assert found == ["HTTPRoute salary is made", "Ingress salary is removed"]


def test_the_manager_of_a_changed_field_is_named(deploys: Deploys, cluster: FakeCluster) -> None:
    by_others: dict[str, Any] = {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:type": {}}}}
    changed = {"metadata": {"managedFields": [by_others]}, "spec": {"type": "NodePort"}}
    cluster.put("Service", "salary", changed)
    assert planned(deploys, BLOCK) == ["Service salary: spec.type: NodePort → ClusterIP, set by kubectl-edit"]


def test_a_manager_of_a_field_with_a_similar_name_is_not_named(deploys: Deploys, cluster: FakeCluster) -> None:
    by_others: dict[str, Any] = {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:types": {}}}}
    cluster.put("Service", "salary", {"metadata": {"managedFields": [by_others]}, "spec": {"type": "NodePort"}})
    assert planned(deploys, BLOCK) == ["Service salary: spec.type: NodePort → ClusterIP"]


@pytest.mark.parametrize("option", ["annotations", "labels", "patch"])
def test_the_old_value_of_a_variable_is_not_shown(deploys: Deploys, option: str) -> None:
    found = planned(deploys, BLOCK.replace("blue", "red"), {option: {"team": "${TEAM}"}})
    assert "Service salary: metadata.annotations.team" in found
    assert not any("blue" in each or "red" in each for each in found)


@pytest.mark.parametrize("written", [{}, {"annotations": {"team": "red"}}])
def test_the_value_of_a_variable_that_left_the_manifest_is_not_shown(deploys: Deploys, written: Json) -> None:
    up = {"annotations": {"team": "${TEAM}"}}
    found = planned(deploys, BLOCK.replace("blue", "red"), written, up)
    assert "Service salary: metadata.annotations.team" in found
    assert not any("blue" in each for each in found)


def test_the_variables_of_pods_hide_no_field_of_other_objects(deploys: Deploys) -> None:
    found = planned(deploys, BLOCK.replace("blue", "red"), up={"env": {"MODE": "${MODE}"}})
    assert "Service salary: metadata.annotations.team: blue → red" in found


def test_an_object_that_the_cluster_does_not_accept_is_at_its_option(deploys: Deploys, cluster: FakeCluster) -> None:
    cluster.refused = {("PATCH", "Service"): (422, "spec.sessionAffinity: Unsupported value")}
    with pytest.raises(BadInput, match="Unsupported value") as caught:
        planned(deploys, f"{BLOCK}, patch: {{Service: {{spec: {{sessionAffinity: Some}}}}}}")
    assert caught.value.option == "patch.Service"


@pytest.mark.parametrize(
    "refusal", [(403, "ingresses is forbidden"), (400, 'admission webhook "a.example" does not support dry run')]
)
def test_an_object_that_may_not_be_tried_has_no_differences(
    deploys: Deploys, cluster: FakeCluster, refusal: tuple[int, str]
) -> None:
    cluster.refused = {("PATCH", "Ingress"): refusal}
    assert planned(deploys, BLOCK.replace("a.example", "b.example")) == []


@pytest.mark.parametrize("status", [403, 429])
def test_an_object_that_cannot_be_read_ends_the_comparison(deploys: Deploys, cluster: FakeCluster, status: int) -> None:
    cluster.refused = {("GET", "Ingress"): (status, "not now")}
    assert planned(deploys, BLOCK.replace("blue", "red"))[0] == "Service salary: metadata.annotations.team: blue → red"


def test_an_object_of_others_ends_the_comparison(deploys: Deploys, cluster: FakeCluster) -> None:
    cluster.objects["Ingress", "salary"]["metadata"]["annotations"] = {}
    assert planned(deploys, BLOCK.replace("a.example", "b.example")) == []


def test_a_cluster_that_does_not_answer_has_no_differences(deploys: Deploys, cluster: FakeCluster) -> None:
    def refuse(*_: object) -> None:
        raise Transient("the cluster does not answer")

    cluster.before = refuse
    assert planned(deploys, BLOCK) == []


def test_beside_a_canary_nothing_is_compared(canary: Canary) -> None:
    canary.bring_up()
    assert canary.to_the_end((1, 50), (2, 50)) == Done()
    assert planned(canary.deploys, BLOCK) == []
