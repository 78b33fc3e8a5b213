"""A cluster of AKS: its kubeconfig from Azure, and tokens for its API server, with the real azure-identity."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from offline_azure.client import Azure
from tests.targets.kubernetes.fake_cluster import FakeCluster
from tests.targets.kubernetes.kubernetes_kit import Kubernetes, Project
from tests.targets.kubernetes.test_kubernetes_objects import request
from tests.targets.target_kit import bound, problem

from lading import BadInput, LadingError, NotSignedIn, StageFailed, Transient
from lading_kubernetes import aks as module
from lading_kubernetes.ejecting import eject
from lading_kubernetes.kubeconfig import aks_connection
from lading_kubernetes.options import AksCluster, KubernetesOptions
from lading_kubernetes.rest import Cluster

SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"
KUBELOGIN = {
    "exec": {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "kubelogin",
        "args": ["get-token", "--server-id", SERVER_APPLICATION],
    }
}
BLOCK = "aks_cluster: {subscription_id: s, resource_group: Rg, name: prod, auth: cli}"


def kubeconfig(user: Any) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "prod", "cluster": {"server": "https://prod.hcp.example"}}],
            "users": [{"name": "clusterUser_mi2_prod", "user": user}],
            "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "clusterUser_mi2_prod"}}],
            "current-context": "prod",
        }
    )


@pytest.fixture
def cluster(azure: Azure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AksCluster]:
    """A cluster with Entra ID in the offline Azure. No program is on the path."""
    for name, value in {**azure.environ, "PATH": str(tmp_path), "KUBECONFIG": str(tmp_path / "absent")}.items():
        monkeypatch.setenv(name, value)
    azure.settings(clusters={"prod": kubeconfig(KUBELOGIN)})
    forget()
    place = azure.workspace
    yield AksCluster(
        subscription_id=place.subscription_id,
        resource_group=place.resource_group,
        name="Prod",
        auth="service-principal",
    )
    forget()


def forget() -> None:
    """Begin a new command."""
    aks_connection.cache_clear()
    module._credential.cache_clear()


def asked(cluster: AksCluster, times: int = 1) -> list[str]:
    """The credentials of requests to the API server."""
    seen: list[str] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(200)

    settings, namespace = aks_connection(cluster)
    assert (settings["base_url"], namespace) == ("https://prod.hcp.example", "default")
    transport = httpx2.MockTransport(reply)
    with httpx2.Client(base_url=settings["base_url"], auth=settings["auth"], transport=transport) as http:
        found = Cluster(http, namespace)
        for _ in range(times):
            found.ask(found.proxy("Pod", "p:5001"), b"1", {}, 5)
    return seen


@pytest.mark.slow
def test_a_token_of_azure_takes_the_place_of_kubelogin(cluster: AksCluster, azure: Azure) -> None:
    bearer, again = asked(cluster, times=2)
    claims = bearer.removeprefix("Bearer ").split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["aud"] == SERVER_APPLICATION
    assert again == bearer
    (call,) = azure.calls.like("POST", "listClusterUserCredential")
    assert call.status == 200
    assert len(azure.calls.like("POST", "oauth2/v2.0/token")) == 2, "one for Azure, and one for the cluster"


def test_a_cluster_with_local_accounts_has_its_own_credentials(cluster: AksCluster, azure: Azure) -> None:
    azure.settings(clusters={"prod": kubeconfig({"token": "of-the-cluster"})})
    assert asked(cluster) == ["Bearer of-the-cluster"]


@pytest.mark.parametrize("name", ["subscription_id", "resource_group", "name"])
def test_a_name_that_azure_does_not_know_is_reported_at_its_option(cluster: AksCluster, name: str) -> None:
    changed: Any = {name: "absent"}
    with pytest.raises(BadInput) as caught:
        aks_connection(replace(cluster, **changed))
    assert caught.value.option == f"aks_cluster.{name}"
    assert "absent" in caught.value.message


def test_a_lacking_right_names_the_role(cluster: AksCluster, azure: Azure) -> None:
    body = {"error": {"code": "AuthorizationFailed", "message": "The client does not have authorization."}}
    azure.faults.answer(403, body, path="listClusterUserCredential")
    with pytest.raises(StageFailed, match="does not have authorization") as caught:
        aks_connection(cluster)
    assert "Azure Kubernetes Service Cluster User Role" in str(caught.value.hint)


@pytest.mark.parametrize(("status", "headers", "wait"), [(429, {"Retry-After": "7"}, 7.0), (503, {}, 2.0)])
def test_a_busy_azure_is_asked_again(
    cluster: AksCluster, azure: Azure, status: int, headers: dict[str, str], wait: float
) -> None:
    azure.faults.answer(status, "busy", headers, path="listClusterUserCredential")
    with pytest.raises(Transient) as caught:
        aks_connection(cluster)
    assert caught.value.retry_after == wait
    assert aks_connection(cluster)[1] == "default", "the failure is not kept"


def test_a_lost_reply_is_asked_again(cluster: AksCluster, azure: Azure) -> None:
    azure.faults.drop_after(path="listClusterUserCredential")
    with pytest.raises(Transient, match="does not answer"):
        aks_connection(cluster)


@pytest.mark.parametrize("content", ["[", "{}", "text", "current-context: prod"])
def test_a_kubeconfig_that_cannot_be_used_is_a_fault_of_azure(cluster: AksCluster, azure: Azure, content: str) -> None:
    azure.settings(clusters={"prod": content})
    with pytest.raises(StageFailed, match="kubeconfig of the cluster Prod"):
        aks_connection(cluster)


@pytest.mark.parametrize(
    ("auth", "changed", "hint"),
    [
        ("service-principal", {"AZURE_CLIENT_SECRET": "wrong"}, "AZURE_CLIENT_SECRET"),
        ("service-principal", {"AZURE_CLIENT_ID": ""}, "AZURE_CLIENT_ID"),
        ("workload-identity", {}, "azure.workload.identity/use"),
        ("cli", {}, "`az login` signs in"),
    ],
)
def test_without_a_sign_in_the_next_step_is_named(
    cluster: AksCluster, monkeypatch: pytest.MonkeyPatch, auth: Any, changed: dict[str, str], hint: str
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotSignedIn, match="Azure cannot be signed in to") as caught:
        aks_connection(replace(cluster, auth=auth))
    assert hint in str(caught.value.hint)


def test_no_secret_is_in_a_failure(cluster: AksCluster, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", "another")
    with pytest.raises(LadingError) as caught:
        aks_connection(cluster)
    assert [secret for secret in azure.secrets if secret in f"{caught.value.message} {caught.value.hint}"] == []


def test_a_context_and_a_cluster_exclude_each_other(tmp_path: Path) -> None:
    assert problem(tmp_path, KubernetesOptions, f"context: prod, {BLOCK}") == (
        "5:27: targets.t.context: `aks_cluster` names the cluster; keep one of the two"
    )


def test_the_sign_in_is_no_part_of_the_place(tmp_path: Path) -> None:
    first = bound(tmp_path, KubernetesOptions, BLOCK)
    second = bound(tmp_path, KubernetesOptions, BLOCK.replace("Rg", "RG").replace(", auth: cli", ""))
    other = bound(tmp_path, KubernetesOptions, BLOCK.replace("prod", "test"))
    plain = bound(tmp_path, KubernetesOptions, "context: prod")
    places = [each.place_of("salary", each.placed_at) for each in (first, second, other, plain)]
    assert places[0] == places[1] != places[2]
    assert places[3] == ["prod", None], "as before there were clusters of AKS"


def test_ejected_files_go_to_the_context_of_the_cluster(tmp_path: Path) -> None:
    found = eject(request(tmp_path, BLOCK), FakeCluster().client())
    assert found.commands == ("kubectl --context prod apply -k .",)


@pytest.mark.kubernetes
def test_a_real_cluster_behind_azure(project: Project, kubernetes: Kubernetes, azure: Azure) -> None:
    azure.settings(clusters={"prod": Path(kubernetes.kubeconfig).read_text(encoding="utf-8")})
    shell, place = project.shell, azure.workspace
    shell.env = {**shell.env, **azure.environ, "AZURE_SUBSCRIPTION_ID": place.subscription_id}
    del shell.env["KUBECONFIG"]
    names = f"resource_group: {place.resource_group}, name: prod, auth: service-principal"
    project.write(7, f"aks_cluster: {{subscription_id: '${{AZURE_SUBSCRIPTION_ID}}', {names}}}")
    shell("deploy")
    assert project.answer() == [7]
    shell("delete")
    assert kubernetes.names(project.name) == []
