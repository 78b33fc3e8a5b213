"""The objects of a release without a cluster: valid for each version, hardened, and with a patch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import kubernetes_validate
import pytest
from tests.targets.target_kit import bound, package_in, problem, tags_of

from lading import BadInput, Deployment, DeployRequest, Image, Json, LadingError, Refused, Transient
from lading_kubernetes import objects, pods
from lading_kubernetes.failing import failure
from lading_kubernetes.kinds import KINDS
from lading_kubernetes.options import KubernetesOptions
from lading_kubernetes.owning import Known, check_name, ours, release_name
from lading_kubernetes.patching import merged, patched
from lading_kubernetes.rest import Cluster

FULL = (
    "autoscale: {min: 2, max: 4, cpu: 60}, auth: key, env: {MODE: quick, TOKEN: hidden}, service_type: NodePort, "
    "node_port: 30081, ingress: {host: salary.example.com, class_name: nginx, tls_secret: cert}, labels: {team: blue}, "
    "image_pull_secrets: [registry], node_selector: {disk: fast}, priority_class: high, service_account: reader, "
    "tolerations: [{key: gpu, operator: Exists}], resources: {nvidia.com/gpu: 1}, annotations: {contact: me}"
)
ROUTE = "route: {host: salary.example.com, gateway: {name: public, namespace: infra}}"


class Versions:
    """A cluster that has only the versions of its API."""

    def __init__(self, *, old: bool = False) -> None:
        self._old = old

    def api_version(self, kind: str) -> str:
        group, versions = KINDS[kind][:2]
        version = versions[-1 if self._old else 0]
        return f"{group}/{version}" if group else version


def request(folder: Path, block: str = "") -> DeployRequest[KubernetesOptions]:
    options = bound(folder, KubernetesOptions, block or "replicas: 1")
    package = package_in(folder)
    written = {"env": {name: "${TOKEN}" if name == "TOKEN" else value for name, value in options.env.items()}}
    return DeployRequest(
        deployment=Deployment(service="salary", target="t", options=options, written=written),
        package=package,
        release=1,
        release_id="00000000000000a1",
        tags=tags_of(package),
        image=Image(reference="sha256:1", digest="", platform="linux/amd64", extra={"name": "lading/salary:1"}),
    )


def everything(made: DeployRequest[KubernetesOptions], *, old: bool = False) -> list[Json]:
    cluster = Versions(old=old)
    values = objects.values(made)
    bodies = [
        pods.deployment(made, 2),
        objects.service(made),
        objects.account(made),
        *([values] if values else []),
        *objects.stable(made, cast("Cluster", cluster)),
    ]
    return [{"apiVersion": cluster.api_version(body["kind"]), **body} for body in bodies]


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(29, 38)])
@pytest.mark.parametrize("block", ["", FULL])
def test_the_objects_are_valid(tmp_path: Path, block: str, version: str) -> None:
    for body in everything(request(tmp_path, block)):
        kubernetes_validate.validate(body, version, strict=True)


def test_a_typo_is_not_valid(tmp_path: Path) -> None:
    body = everything(request(tmp_path))[0]
    body["spec"]["template"]["spec"]["container"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(body, "1.37", strict=True)


def test_an_old_cluster_gets_its_versions(tmp_path: Path) -> None:
    found = {body["kind"]: body for body in everything(request(tmp_path, FULL), old=True)}
    assert found["PodDisruptionBudget"]["apiVersion"] == "policy/v1beta1"
    assert found["HorizontalPodAutoscaler"]["spec"]["targetCPUUtilizationPercentage"] == 60


def test_a_route_leads_to_the_service(tmp_path: Path) -> None:
    (route,) = (body for body in everything(request(tmp_path, ROUTE)) if body["kind"] == "HTTPRoute")
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "infra"}]
    assert route["spec"]["rules"] == [{"backendRefs": [{"name": "salary", "port": 80}]}]


def test_the_pods_are_hardened(tmp_path: Path) -> None:
    """The rules of Pod Security `restricted`."""
    spec = pods.deployment(request(tmp_path), 1)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {*map(frozenset, spec["volumes"])} == {frozenset({"name", "emptyDir"})}
    assert spec["automountServiceAccountToken"] is False
    assert container["resources"]["limits"] == container["resources"]["requests"] == {"cpu": "500m", "memory": "512Mi"}
    sleep = container["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert "sleep(5)" in sleep
    assert spec["terminationGracePeriodSeconds"] > 5 + 60, "longer than the pause and the drain together"


def test_a_value_from_a_variable_is_only_in_the_secret(tmp_path: Path) -> None:
    made = request(tmp_path, "env: {MODE: quick, TOKEN: hidden-value}")
    container = pods.deployment(made, 1)["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "MODE", "value": "quick"} in container["env"]
    named = {"name": release_name(made), "key": "TOKEN"}
    assert {"name": "TOKEN", "valueFrom": {"secretKeyRef": named}} in container["env"]
    assert [list(body["data"]) for body in everything(made) if body["kind"] == "Secret"] == [["TOKEN"]]
    assert "hidden-value" not in str(everything(made))


def test_a_pushed_image_is_named_by_its_digest(tmp_path: Path) -> None:
    made = request(tmp_path)
    assert made.image is not None
    assert pods.image_of(made.image) == "lading/salary:1"
    pushed = replace(made.image, reference="r.example/a@sha256:1", registry="r.example")
    assert pods.image_of(pushed) == "r.example/a@sha256:1"


def test_names_differ_between_releases_and_fit() -> None:
    assert release_name(_named("a" * 63, "0" * 16)) != release_name(_named("a" * 63, "1" * 16))
    assert len(release_name(_named("a" * 63, "0" * 16))) <= 63


def _named(service: str, release_id: str) -> Known:
    deployment = Deployment(service=service, target="t", options=KubernetesOptions())
    return Known(deployment, release_id, {"lading.package": "d" * 64})


@pytest.mark.parametrize("name", ["Salary", "9lives", "a_b", "a.b", "a-", "a" * 64])
def test_a_name_that_kubernetes_refuses_is_reported(name: str) -> None:
    with pytest.raises(BadInput, match="Kubernetes does not accept the service name"):
        check_name(name)


def test_a_patch_adds_and_removes() -> None:
    old = {"a": {"b": 1, "c": 2}, "list": [1], "named": [{"name": "x", "size": 1}, {"name": "y"}]}
    new = {"a": {"c": None, "d": 3}, "list": [2], "named": [{"name": "x", "size": 2}, {"name": "z"}]}
    assert merged(old, new) == {
        "a": {"b": 1, "d": 3},
        "list": [2],
        "named": [{"name": "x", "size": 2}, {"name": "y"}, {"name": "z"}],
    }


@pytest.mark.parametrize(
    ("patch", "lost"),
    [
        ({"metadata": {"name": "other"}}, "metadata.name"),
        ({"metadata": {"namespace": "other"}}, "metadata.namespace"),
        ({"metadata": {"annotations": None}}, "metadata.annotations.lading.service"),
        ({"metadata": {"labels": {"lading.release-id": "x"}}}, "metadata.labels.lading.release-id"),
        ({"spec": {"selector": {"matchLabels": {"a": "b"}}}}, "spec.selector"),
        ({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}, "spec.template.metadata.labels"),
    ],
)
def test_a_patch_cannot_remove_a_mark(tmp_path: Path, patch: Mapping[str, Any], lost: str) -> None:
    made = request(tmp_path)
    options = replace(made.deployment.options, patch={"Deployment": patch})
    with pytest.raises(BadInput, match=f"changes {lost} of the Deployment") as caught:
        patched(pods.deployment(made, 1), options)
    assert caught.value.option == "patch.Deployment"


@pytest.mark.parametrize(
    ("kind", "patch", "lost"),
    [
        ("HTTPRoute", {"spec": {"rules": [{"backendRefs": [{"name": "salary", "port": 80}]}]}}, "spec.rules"),
        ("Deployment", {"spec": {"replicas": 9}}, "spec.replicas"),
    ],
)
def test_a_patch_cannot_change_the_shares(tmp_path: Path, kind: str, patch: Mapping[str, Any], lost: str) -> None:
    made = request(tmp_path, ROUTE)
    body = {"HTTPRoute": objects.route(made), "Deployment": pods.deployment(made, 1)}[kind]
    with pytest.raises(BadInput, match=f"the patch changes {lost} of the {kind}, by which Lading splits") as caught:
        patched(body, replace(made.deployment.options, patch={kind: patch}))
    assert caught.value.option == f"patch.{kind}"
    assert patched(body, replace(made.deployment.options, patch={kind: {"spec": {"more": 1}}}))["spec"]["more"] == 1


@pytest.mark.parametrize(
    "ports",
    [
        [{"name": "http", "port": 8080}],
        [{"name": "http", "targetPort": 9000}],
        [{"name": "http", "protocol": "UDP"}],
        [{"port": 80, "targetPort": "http"}],
        None,
    ],
)
def test_a_patch_cannot_change_the_port(tmp_path: Path, ports: Any) -> None:
    made = request(tmp_path)
    options = replace(made.deployment.options, patch={"Service": {"spec": {"ports": ports}}})
    with pytest.raises(BadInput, match=r"changes spec\.ports of the Service, by which Lading reaches") as caught:
        patched(objects.service(made), options)
    assert caught.value.option == "patch.Service"


def test_a_patch_can_add_a_port_and_fields_of_ours(tmp_path: Path) -> None:
    made = request(tmp_path)
    more = [{"name": "http", "nodePort": 30080}, {"name": "metrics", "port": 9090}]
    body = patched(
        objects.service(made), replace(made.deployment.options, patch={"Service": {"spec": {"ports": more}}})
    )
    assert [(each["name"], each["port"], each.get("nodePort")) for each in body["spec"]["ports"]] == [
        ("http", 80, 30080),
        ("metrics", 9090, None),
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("replicas: 2, autoscale: {min: 1, max: 2}", "replicas: `autoscale` sets the number of pods"),
        ("autoscale: {min: 3, max: 2}", "min: 3 is more than max, 2"),
        (f"{ROUTE}, ingress: {{host: a.b}}", "route: `ingress` makes the service reachable too"),
        ("node_port: 30080", "node_port: only a Service with `service_type: NodePort` has one"),
        ("labels: {lading.service: x}", "labels: names that begin with `lading.`"),
        ("memory: 512mb", "memory"),
        ("memory: 512ki", "memory"),
        ("memory: 512m", "memory"),
        ("cpu: '0'", "cpu"),
        ("cpu: '0.00'", "cpu"),
        ("ready_timeout: 100", "start_timeout: `ready_timeout` includes it"),
        ("patch: {Pod: {}}", "patch"),
    ],
)
def test_options_that_do_not_fit_are_reported(tmp_path: Path, block: str, expected: str) -> None:
    assert expected in problem(tmp_path, KubernetesOptions, block)


@pytest.mark.parametrize("block", ["memory: 65536Ki", "memory: 1.5Gi", "memory: 500k", "cpu: '0.5'", "cpu: 20m"])
def test_a_quantity_is_accepted(tmp_path: Path, block: str) -> None:
    name, _, value = block.partition(": ")
    assert getattr(bound(tmp_path, KubernetesOptions, block), name) == value.strip("'")


def test_an_object_of_others_is_refused() -> None:
    deployment = Deployment(service="salary", target="t", options=KubernetesOptions())
    theirs = {"kind": "Service", "metadata": {"name": "salary"}}
    with pytest.raises(Refused, match="has a Service salary already, and Lading has not made it"):
        ours(theirs, deployment)
    marked = {"metadata": {"name": "salary", "annotations": {"lading.service": "salary", "lading.target": "u"}}}
    with pytest.raises(Refused, match="the target 'u' of salary has made it"):
        ours(marked, deployment)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "slow down", Transient),
        (500, "etcd", Transient),
        (410, "expired", Transient),
        (409, "conflict", Transient),
        (500, "failed to create typed patch object", BadInput),
        (422, "invalid", BadInput),
        (403, 'namespaces "x" not found', BadInput),
    ],
)
def test_a_refusal_is_explained(status: int, message: str, kind: type[LadingError]) -> None:
    found = failure(status, {"Retry-After": "7"}, json.dumps({"message": message}), "x", "https://api")
    assert isinstance(found, kind)
    if isinstance(found, Transient) and status != 409:
        assert found.retry_after == 7.0
