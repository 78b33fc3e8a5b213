"""The answers of the target without a cluster: the figures of pods, changed fields, plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext, context_in

from lading import (
    Deployment,
    Figures,
    Json,
    Latency,
    Metrics,
    PlanEffect,
    PlanRequest,
    ReleaseMetrics,
    UpRelease,
)
from lading_kubernetes import drift, lading_plan
from lading_kubernetes.measuring import total
from lading_kubernetes.options import Autoscale, KubernetesOptions

NAMED = 'k:{"name":"service"}'


def figures(*counts: int, errors: int = 0) -> Figures:
    return Figures(requests=sum(counts), errors=errors, latency=Latency(bounds=(0.1,), counts=counts))


def pod(release_id: str, figures: Figures, memory: int | None = 10) -> ReleaseMetrics:
    return ReleaseMetrics(release_id=release_id, total=figures, minute=figures, restarts=1, memory=memory)


def test_the_figures_of_pods_are_summed_by_release() -> None:
    parts = [
        Metrics(releases=(pod("a", figures(3, 1, errors=1)),)),
        Metrics(releases=(pod("a", figures(5, 0, errors=2)), pod("b", figures(1, 0), None))),
    ]
    first, second = total(parts).releases
    assert first.total == first.minute == figures(8, 1, errors=3)
    assert (first.restarts, first.memory) == (2, 20)
    assert (second.total, second.memory) == (figures(1, 0), None)


def test_a_minute_that_one_pod_does_not_know_is_not_known() -> None:
    young = replace(pod("a", figures(1, 0)), minute=None)
    (found,) = total([Metrics(releases=(young,)), Metrics(releases=(pod("a", figures(1, 0)),))]).releases
    assert (found.minute, found.total.requests) == (None, 2)


def managed(*entries: tuple[str, Json], uid: str = "1") -> Json:
    """A Deployment whose fields have managers."""
    fields = [{"manager": name, "fieldsV1": {"f:metadata": {"f:labels": {}}, "f:spec": spec}} for name, spec in entries]
    return {"kind": "Deployment", "metadata": {"name": "salary-1", "uid": uid, "managedFields": fields}, "spec": {}}


def container(**fields: Json) -> Json:
    inner = {f"f:{name}": value for name, value in fields.items()}
    return {"f:template": {"f:spec": {"f:containers": {NAMED: {".": {}, **inner}}}}}


APPLIED = {
    **container(image={}, resources={"f:limits": {"f:memory": {}}}, env={'k:{"name":"MODE"}': {"f:value": {}}}),
    "f:replicas": {},
    "f:paused": {},
}


@pytest.fixture
def context(tmp_path: Path) -> object:
    made = context_in(tmp_path)
    drift.remember(made, managed(("lading", APPLIED)))
    return made


def changed(context: object, body: Json, options: KubernetesOptions | None = None) -> dict[str, str]:
    return drift.changed(context, options or KubernetesOptions(), {"Deployment": body})  # type: ignore[arg-type]


def test_a_field_that_another_manager_sets_has_the_name_of_its_option(context: object) -> None:
    others = {**container(env={'k:{"name":"MODE"}': {"f:valueFrom": {}}}, image={}), "f:replicas": {}}
    kept = container(resources={"f:limits": {"f:memory": {}}})
    assert changed(context, managed(("lading", kept), ("editor", others))) == {
        "image": "changed by editor",
        "env.MODE": "changed by editor",
        "replicas": "changed by editor",
        "Deployment.spec.paused": "removed",
    }
    assert changed(context, managed(("editor", {"f:replicas": {}}), ("lading", {}), ("scaler", {"f:replicas": {}})))[
        "replicas"
    ] == ("changed by editor and scaler")


def test_a_field_that_both_managers_set_or_that_only_others_set_has_not_changed(context: object) -> None:
    both = managed(("lading", APPLIED), ("editor", APPLIED), ("webhook", container(tty={})))
    assert changed(context, both) == {}


def test_an_autoscaler_and_another_object_are_no_change(context: object) -> None:
    scaled = KubernetesOptions(autoscale=Autoscale(min=1, max=2))
    kept = {name: value for name, value in APPLIED.items() if name != "f:replicas"}
    body = managed(("lading", kept), ("kube-controller-manager", {"f:replicas": {}}))
    assert changed(context, body, scaled) == {}
    assert changed(context, body) == {"replicas": "changed by kube-controller-manager"}
    assert changed(context, managed(("editor", APPLIED), uid="2")) == {}, "another release was recorded"


def request(up: dict[str, Json] | None = None, left: dict[str, Json] | None = None) -> PlanRequest[KubernetesOptions]:
    options = KubernetesOptions(namespace="models", service_type="NodePort", node_port=30080)
    return PlanRequest(
        deployment=Deployment(service="salary", target="t", options=options),
        up=None if up is None else UpRelease(service="salary", release=1, written=up),
        left=() if left is None else (UpRelease(service="wage", release=1, written=left),),
    )


OLD: dict[str, Json] = {"namespace": "models", "node_port": 30080}


def test_a_port_that_an_old_service_keeps_is_refused(context: MemoryContext) -> None:
    (finding,) = lading_plan(request(left=OLD), context).findings
    assert (finding.effect, finding.option) == (PlanEffect.REFUSED, "node_port")
    assert "wage has port 30080" in finding.message
    (finding,) = lading_plan(request(up={**OLD, "namespace": "old"}), context).findings
    assert "salary in its old namespace has port 30080" in finding.message


@pytest.mark.parametrize(
    "made",
    [
        request(up=OLD),
        request(up={**OLD, "namespace": "old", "context": "other"}),
        request(left={**OLD, "node_port": 30081}),
    ],
)
def test_another_port_or_cluster_has_no_effect(made: PlanRequest[KubernetesOptions], context: MemoryContext) -> None:
    assert lading_plan(made, context).findings == ()


def aks(name: str) -> dict[str, Json]:
    cluster = {"subscription_id": "${SUBSCRIPTION}", "resource_group": "rg", "name": name}
    return {"aks_cluster": cluster, "namespace": "models", "node_port": 30080, "service_type": "NodePort"}


@pytest.mark.parametrize(("name", "refused"), [("one", True), ("ONE", True), ("two", False)])
def test_a_port_of_another_aks_cluster_has_no_effect(name: str, refused: bool, context: MemoryContext) -> None:
    made = request(left=aks("one"))
    made = replace(made, deployment=replace(made.deployment, written=aks(name)))
    assert bool(lading_plan(made, context).findings) == refused
    moved = replace(
        made, left=(), up=UpRelease(service="salary", release=1, written={**aks("one"), "namespace": "old"})
    )
    assert bool(lading_plan(moved, context).findings) == refused
