"""Replies that are not those of the service or of the API server, and requests that cannot be sent."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Barrier
from typing import Any, cast

import httpx2
import pytest
import yaml
from tests.hook_kit import MemoryContext
from tests.targets.kubernetes.deploys_kit import Deploys
from tests.targets.kubernetes.fake_cluster import FakeCluster
from tests.waiting import LIMIT

from lading import BadInput, Deployment, LadingError, Ready, StageFailed, Transient
from lading.engine.release.endpoint import Endpoint
from lading.engine.release.golden import ask_golden
from lading.model import GoldenRequest, InvokeRequest, Secret
from lading_kubernetes import measuring
from lading_kubernetes.invoking import invoke
from lading_kubernetes.kubeconfig import connection, kubeconfigs
from lading_kubernetes.options import KubernetesOptions
from lading_kubernetes.owning import release_name
from lading_kubernetes.receiving import receive
from lading_kubernetes.rest import Cluster

API = "https://api.example"
URI = f"{API}/api/v1/namespaces/models/pods/p:5001/proxy/score"
DEPLOYMENT = Deployment(service="salary", target="t", options=KubernetesOptions())
GONE = b'{"kind":"Status","message":"pods \\"p\\" not found","code":404}'
FORBIDDEN = b'{"kind":"Status","message":"User \\"u\\" cannot create resource \\"pods/proxy\\""}'


def answering(status: int, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Cluster:
    """A cluster that answers each request in the same way."""
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(status, content=content, headers=headers))
    return Cluster(httpx2.Client(base_url=API, transport=transport), "models")


def requested(key: str = "") -> InvokeRequest[KubernetesOptions]:
    secret = Secret(key) if key else None
    return InvokeRequest(deployment=DEPLOYMENT, uri=URI, body=b"1", key=secret, headers={}, timeout=5)


@pytest.mark.parametrize(
    ("status", "content"),
    [(429, b"Too many requests, please try again later."), (500, b"etcd"), (503, b""), (408, b""), (404, GONE)],
)
def test_an_answer_of_the_api_server_is_not_one_of_the_service(status: int, content: bytes) -> None:
    with pytest.raises(Transient, match="the service has not answered") as caught:
        invoke(requested(), answering(status, content, {"Retry-After": "7"}))
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (401, b"Unauthorized", "does not accept the credentials"),
        (403, FORBIDDEN, 'cannot create resource "pods/proxy"'),
    ],
)
def test_a_missing_right_is_not_an_answer_of_the_service(status: int, content: bytes, message: str) -> None:
    with pytest.raises(StageFailed, match=message):
        invoke(requested(), answering(status, content))


def test_an_overloaded_api_server_gives_no_verdict_about_a_release() -> None:
    cluster = answering(429, b"Too many requests", {"Retry-After": "1"})
    endpoint = Endpoint(deployment=DEPLOYMENT, uri=URI, invoke=lambda request: invoke(cast("Any", request), cluster))
    verdict = ask_golden(endpoint, [GoldenRequest(request=1, response=1)], end=None)
    assert (verdict.up, verdict.answered) == (False, False)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 429, 500])
def test_an_answer_of_the_service_is_passed_on(status: int) -> None:
    found = invoke(requested(), answering(status, b"[1]", {"X-Request-Id": "r"}))
    assert found is not None
    assert (found.status, found.body) == (status, b"[1]")


def test_a_sign_in_page_is_not_an_answer_of_the_cluster() -> None:
    cluster = answering(200, b"<html>sign in</html>")
    with pytest.raises(Transient, match=r"reading Service salary: https://api\.example does not answer with JSON"):
        cluster.get("Service", "salary")
    with pytest.raises(Transient, match="does not answer with JSON"):
        answering(200, b"[]").list("Pod")


def test_a_long_answer_is_refused() -> None:
    large = b"x" * ((1 << 20) + 1)
    assert answering(200, large[:-1]).ask(URI, None, {}, 5, largest=1 << 20).body == large[:-1]
    with pytest.raises(StageFailed, match="answers with more than 1 MiB"):
        answering(200, large).ask(URI, None, {}, 5, largest=1 << 20)
    with pytest.raises(StageFailed, match="answers with more than 1 MiB"):
        answering(200, gzip.compress(large), {"Content-Encoding": "gzip"}).ask(URI, None, {}, 5, largest=1 << 20)


def test_no_compressed_answer_is_asked_for() -> None:
    asked = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers["Accept-Encoding"])
        return httpx2.Response(200, json={})

    with httpx2.Client(base_url=API, transport=httpx2.MockTransport(reply)) as http:
        Cluster(http, "models").get("Service", "salary")
    assert asked == ["identity"]


def test_an_answer_after_its_time_is_abandoned() -> None:
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=b"late"))
    with (
        httpx2.Client(base_url=API, transport=transport) as http,
        pytest.raises(Transient, match="does not send its whole answer in time"),
    ):
        receive(http, "GET", "/late", end=time.monotonic() - 1)


@pytest.fixture
def listening() -> Iterator[str]:
    """An address that accepts connections, because only a real connection checks the headers of a request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def no_secret(error: LadingError) -> None:
    """Check that neither the message nor a traceback quotes the token."""
    assert "hidden" not in f"{error.message} {error.hint}"
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize("token", ["hidden\ntoken", "hidden\rtoken"])
def test_a_token_that_cannot_be_sent_is_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listening: str, token: str
) -> None:
    content = {
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": listening}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "current-context": "prod",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    settings, _ = connection(None, kubeconfigs())
    with (
        httpx2.Client(base_url=settings["base_url"], auth=settings["auth"]) as http,
        pytest.raises(StageFailed, match="has a header that cannot be sent") as caught,
    ):
        Cluster(http, "models").get("Service", "salary")
    no_secret(caught.value)


@pytest.mark.parametrize("key", ["hidden\r\n key", "hidden-kéy"])
def test_a_key_that_cannot_be_sent_is_not_quoted(listening: str, key: str) -> None:
    with (
        httpx2.Client(base_url=listening) as http,
        pytest.raises(StageFailed, match="has a header that cannot be sent") as caught,
    ):
        Cluster(http, "models").ask(f"{listening}/score", b"1", {"X-Lading-Key": key}, 5)
    no_secret(caught.value)


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = {"name": "u", "user": {"tokenFile": str(tmp_path)}}
    content = {
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": API}}],
        "users": [user],
        "current-context": "prod",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    settings, _ = connection(None, kubeconfigs())
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, json={}))
    with (
        httpx2.Client(base_url=API, auth=settings["auth"], transport=transport) as http,
        pytest.raises(BadInput, match=f"the kubeconfig .* cannot be used: .*{tmp_path}"),
    ):
        Cluster(http, "models").get("Service", "salary")


def test_the_pods_are_asked_for_their_figures_at_once(
    tmp_path: Path, cluster: FakeCluster, context: MemoryContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploys = Deploys(tmp_path, cluster, context)
    request = deploys.request()
    assert deploys.deploy(request) == Ready()
    template = cluster.objects["Deployment", release_name(request)]["spec"]["template"]
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    for number in range(15):
        cluster.put("Pod", f"p{number}", {"metadata": {"labels": template["metadata"]["labels"]}, "status": ready})
    monkeypatch.setattr(measuring, "_LIMIT", LIMIT)
    barrier = Barrier(16)

    def meet(_method: str, _kind: str, name: str) -> None:
        if name.endswith(":5001"):
            barrier.wait(LIMIT)

    cluster.before = meet
    with pytest.raises(Transient, match="the service has not answered"):  # the pods of this cluster have no server
        measuring.metrics(request.deployment, context, cluster.client())
    assert not barrier.broken
