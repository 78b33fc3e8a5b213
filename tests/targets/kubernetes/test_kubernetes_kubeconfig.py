"""The kubeconfig: several files, and messages for files that cannot be used."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from lading import BadInput, NotSignedIn
from lading_kubernetes.kubeconfig import connection, kubeconfigs
from lading_kubernetes.rest import Cluster

CONTEXT = {"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "models"}}
CLUSTER = {"name": "c", "cluster": {"server": "https://api.example"}}
USER = {"name": "u", "user": {"token": "secret"}}


@pytest.fixture(autouse=True)
def _no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'a'}:{tmp_path / 'b'}:{tmp_path / 'absent'}")


def write(file: Path, **content: Any) -> None:
    if "current" in content:
        content["current-context"] = content.pop("current")
    file.write_text(yaml.safe_dump(content), encoding="utf-8")


def whole(tmp_path: Path, **changed: Any) -> None:
    """One file with one context, with changed parts."""
    parts = {"contexts": [CONTEXT], "clusters": [CLUSTER], "users": [USER], "current": "prod"}
    write(tmp_path / "a", **{**parts, **changed})


def asked() -> list[str]:
    """The credentials of a request with the kubeconfig."""
    seen: list[str] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(200)

    settings, namespace = connection(None, kubeconfigs())
    transport = httpx2.MockTransport(reply)
    with httpx2.Client(base_url=settings["base_url"], auth=settings["auth"], transport=transport) as http:
        cluster = Cluster(http, namespace)
        cluster.ask(cluster.proxy("Pod", "p:5001"), b"1", {}, 5)
    return seen


def test_several_files_are_one(tmp_path: Path) -> None:
    write(tmp_path / "a", contexts=[CONTEXT], users=[USER], current="prod")
    write(tmp_path / "b", clusters=[CLUSTER], users=[{"name": "u", "user": {"token": "other"}}], current="test")
    settings, namespace = connection(None, kubeconfigs())
    assert (settings["base_url"], namespace) == ("https://api.example", "models")
    assert asked() == ["Bearer secret"], "the first value of a name counts"


def test_a_relative_path_begins_at_its_file(tmp_path: Path) -> None:
    write(tmp_path / "a", contexts=[CONTEXT], users=[USER], current="prod")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ca.crt").write_text("no certificate", encoding="utf-8")
    cluster = {**CLUSTER["cluster"], "certificate-authority": "ca.crt"}  # type: ignore[dict-item]
    write(tmp_path / "folder" / "b", clusters=[{"name": "c", "cluster": cluster}])
    with pytest.raises(BadInput, match="no certificate"):
        connection(None, (str(tmp_path / "a"), str(tmp_path / "folder" / "b")))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"contexts": [], "current": ""}, "it has no current context"),
        ({"current": "other"}, "it has no context 'other'; it has prod"),
        ({"contexts": [{"name": "prod", "context": {"cluster": "c"}}]}, "its context 'prod' names no user: `kubectl"),
        ({"contexts": [{"name": "prod", "context": None}]}, "its context 'prod' names no cluster: `kubectl"),
        ({"clusters": []}, "its context 'prod' names the cluster 'c', which it does not have"),
        ({"users": []}, "its context 'prod' names the user 'u', which it does not have"),
        ({"clusters": [{"name": "c", "cluster": {"server": 5}}]}, "Expected `str`, got `int`"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_reported(tmp_path: Path, changed: Any, message: str) -> None:
    whole(tmp_path, **changed)
    with pytest.raises(BadInput) as caught:
        connection(None, kubeconfigs())
    assert f"the kubeconfig {tmp_path / 'a'}:" in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("part", "field", "value", "step"),
    [
        ("user", "as", "admin", "give its context the credentials of the account"),
        ("user", "as-uid", "7", "give its context the credentials of the account"),
        ("user", "as-groups", ["system:masters"], "give its context the credentials of the account"),
        ("user", "as-user-extra", {"a": ["b"]}, "give its context the credentials of the account"),
        ("cluster", "proxy-url", "http://proxy.example", "set HTTPS_PROXY to this address"),
        ("cluster", "tls-server-name", "b.example", "let `server` be a name that the certificate has"),
    ],
)
def test_a_field_that_would_be_ignored_is_refused(tmp_path: Path, part: str, field: str, value: Any, step: str) -> None:
    known = {"user": USER, "cluster": CLUSTER}[part]
    name, fields = known["name"], known[part]
    whole(tmp_path, **{f"{part}s": [{"name": name, part: {**fields, field: value}}]})  # type: ignore[dict-item]
    with pytest.raises(BadInput) as caught:
        connection(None, kubeconfigs())
    assert f"its {part} '{name}' has `{field}`, which is not supported: " in caught.value.message
    assert step in caught.value.message


def test_a_field_of_another_context_is_not_refused(tmp_path: Path) -> None:
    whole(tmp_path, users=[USER, {"name": "other", "user": {"as": "admin"}}])
    assert asked() == ["Bearer secret"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "it has no current context"), ("- a\n", "a does not hold a mapping"), ("{", "a:1 is not YAML")],
)
def test_a_file_without_content_is_reported(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        connection(None, kubeconfigs())


def with_program(tmp_path: Path, command: str, *args: str, version: str = "v1beta1") -> None:
    program = {"apiVersion": f"client.authentication.k8s.io/{version}", "command": command, "args": [*args]}
    whole(tmp_path, users=[{"name": "u", "user": {"exec": program}}])


def printing(**status: str) -> tuple[str, str, str]:
    """A program that prints credentials."""
    return sys.executable, "-c", f"print({json.dumps(json.dumps({'status': status}))})"


VERSION = """\
import json, os
version = json.loads(os.environ["KUBERNETES_EXEC_INFO"])["apiVersion"]
print(json.dumps({"status": {"token": version}}))
"""
"""A program that gives the version of the protocol as its token."""


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_program_gives_the_token(tmp_path: Path, version: str) -> None:
    with_program(tmp_path, sys.executable, "-c", VERSION, version=version)
    assert asked() == [f"Bearer client.authentication.k8s.io/{version}"]


def test_a_program_of_an_unknown_version_is_reported(tmp_path: Path) -> None:
    with_program(tmp_path, *printing(token="t"), version="v9")
    with pytest.raises(BadInput, match=r"version client\.authentication\.k8s\.io/v9, which is not supported"):
        asked()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("absent-program",), "its program 'absent-program' cannot be started: install it, or add its folder to PATH"),
        (printing(clientCertificateData=base64.b64encode(b"c").decode()), "gives no token; a certificate"),
        ((sys.executable, "-c", "print('no JSON')"), "gives no token"),
    ],
)
def test_a_program_that_gives_no_token_is_reported(tmp_path: Path, command: tuple[str, ...], message: str) -> None:
    with_program(tmp_path, *command)
    with pytest.raises(BadInput) as caught:
        asked()
    assert str(tmp_path / "a") in caught.value.message
    assert message in caught.value.message


def test_a_program_whose_session_has_expired_asks_for_a_sign_in(tmp_path: Path) -> None:
    with_program(tmp_path, sys.executable, "-c", "raise SystemExit('the session has expired')")
    with pytest.raises(NotSignedIn, match="returned 1: the session has expired") as caught:
        asked()
    assert str(tmp_path / "a") in caught.value.message
    assert "sign in again" in str(caught.value.hint)


def test_a_file_that_is_not_yaml_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("users:\n- name: u\n  user: {token: secret: x}\n", encoding="utf-8")
    with pytest.raises(BadInput, match="a:3 is not YAML") as caught:
        connection(None, kubeconfigs())
    assert "secret" not in caught.value.message
