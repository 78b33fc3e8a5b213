"""Faults by rule, as a plain HTTP client behind the proxy sees them."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offline_azure.azurite import azurite
from offline_azure.client import Azure, Emulator
from offline_azure.faults import Faults
from offline_azure.messages import Head
from tests.waiting import LIMIT, eventually

pytestmark = pytest.mark.slow

MANAGEMENT = "https://management.azure.com"
HISTORY = "https://southeastasia.experiments.azureml.net"
BLOB = {"Authorization": "", "Content_Type": "application/octet-stream", "x_ms_blob_type": "BlockBlob"}
MODELS = "https://southeastasia.modelmanagement.azureml.net"


@dataclass
class Client:
    """Signs in and sends requests, like any client of Azure."""

    azure: Azure
    token: str = ""

    def sign_in(self) -> None:
        azure = self.azure
        form = {"grant_type": "client_credentials", "client_id": azure.client_id, "client_secret": azure.client_secret}
        url = f"https://login.microsoftonline.com/{azure.tenant_id}/oauth2/v2.0/token"
        with self._opener().open(url, urlencode(form).encode(), timeout=LIMIT) as answer:
            self.token = json.loads(answer.read())["access_token"]

    def __call__(self, method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Status, JSON (or bytes) and headers of the response."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}", **named}
        asked = urllib.request.Request(url, data, named, method=method)
        try:
            with self._opener().open(asked, timeout=LIMIT) as answer:
                return answer.status, _read(answer), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error), error.headers

    def in_workspace(self, host: str, prefix: str = "", suffix: str = "") -> str:
        place = self.azure.workspace
        group = f"/subscriptions/{place.subscription_id}/resourceGroups/{place.resource_group}"
        return f"{host}{prefix}{group}/providers/Microsoft.MachineLearningServices/workspaces/{place.workspace}{suffix}"

    def upload(self) -> str:
        """A signed URL for a new blob."""
        path = "/artifacts/batch/metadata/LocalUpload/box"
        url = self.in_workspace(HISTORY, "/artifact/v2.0", path)
        made = self("POST", url, {"paths": [{"path": "upload.bin"}]})[1]
        signed: str = made["artifactContentInformation"]["upload.bin"]["contentUri"]
        return signed

    def _opener(self) -> urllib.request.OpenerDirector:
        proxy = urllib.request.ProxyHandler({"https": self.azure.network["HTTPS_PROXY"]})
        trusted = ssl.create_default_context(cafile=self.azure.network["SSL_CERT_FILE"])
        return urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=trusted))


def _read(answer: Any) -> Any:
    content = answer.read()
    return json.loads(content) if answer.headers.get_content_type() == "application/json" else content


@pytest.fixture
def client(azure: Azure) -> Client:
    client = Client(azure)
    client.sign_in()
    return client


def experiment(client: Client) -> tuple[int, Any, Any]:
    return client("POST", client.in_workspace(HISTORY, "/history/v1.0", "/experiments/salexp"), b"")


def test_the_third_call_is_throttled_with_a_waiting_time(client: Client) -> None:
    client.azure.faults.answer(429, headers={"Retry-After": "7"}, path="/subscriptions$", skip=2)
    answers = [client("GET", f"{MANAGEMENT}/subscriptions") for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 429, 200]
    assert answers[2][2]["Retry-After"] == "7"
    assert client.azure.faults.met == [4]
    assert [call.fault for call in client.azure.calls.like("GET", "/subscriptions")] == [None, None, "answer", None]


def test_an_error_may_have_any_text(client: Client) -> None:
    body = {"code": "Conflict", "message": "bell\x07 and \x1b[31mred"}
    client.azure.faults.answer(409, body, path="/experiments/")
    assert experiment(client)[:2] == (409, body)
    client.azure.faults.answer(503, "<html>no json</html>", path="/experiments/")
    assert experiment(client)[:2] == (503, b"<html>no json</html>")


@pytest.mark.parametrize(("effect", "made"), [("drop_before", []), ("drop_after", ["salexp"])])
def test_a_dropped_call_has_its_effect_or_none(client: Client, effect: str, made: list[str]) -> None:
    getattr(client.azure.faults, effect)(method="POST", path="/experiments/")
    with pytest.raises(http.client.RemoteDisconnected):
        experiment(client)
    assert list(client.azure.state["experiments"]) == made
    assert client.azure.calls.like("POST", "/experiments/")[0].status is None
    assert experiment(client)[0] == 200


def test_a_black_hole_never_answers(client: Client) -> None:
    client.azure.faults.black_hole(path="/subscriptions$")
    proxy = urllib.request.ProxyHandler({"https": client.azure.network["HTTPS_PROXY"]})
    trusted = ssl.create_default_context(cafile=client.azure.network["SSL_CERT_FILE"])
    opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=trusted))
    with pytest.raises(TimeoutError):
        opener.open(f"{MANAGEMENT}/subscriptions", timeout=5)
    assert client("GET", f"{MANAGEMENT}/subscriptions")[0] == 200


def test_an_interrupted_upload_leaves_no_blob(client: Client) -> None:
    url, content = client.upload(), os.urandom(1 << 20)
    client.azure.faults.cut_upload(method="PUT", path="upload.bin")
    with pytest.raises((urllib.error.URLError, ConnectionError, ssl.SSLError)):
        client("PUT", url, content, **BLOB)
    assert client("GET", url, **BLOB)[0] == 404
    assert client("PUT", url, content, **BLOB)[0] == 201
    assert client("GET", url, **BLOB)[1] == content


def test_a_blob_can_only_be_read_with_its_own_signature(client: Client) -> None:
    url = client.upload()
    assert client("PUT", url, b"content", **BLOB)[0] == 201
    for forged in (url.replace("upload.bin", "other.bin"), re.sub("sig=..", "sig=AA", url), url.partition("?")[0]):
        assert client("GET", forged, **BLOB)[0] in {403, 404}
    assert client("GET", url, **BLOB)[1] == b"content"


def test_expired_tokens_require_a_new_sign_in(client: Client) -> None:
    client.azure.faults.expire_tokens(path="/subscriptions$", skip=1)
    asked = [client("GET", f"{MANAGEMENT}/subscriptions") for _ in range(3)]
    assert [status for status, _, _ in asked] == [200, 401, 401]
    assert asked[1][1]["error"]["code"] == "ExpiredAuthenticationToken"
    client.sign_in()
    assert client("GET", f"{MANAGEMENT}/subscriptions")[0] == 200


def compute(client: Client, name: str) -> Callable[[], str]:
    """Create a compute. Returns a function that queries its state."""
    url = client.in_workspace(MANAGEMENT, suffix=f"/computes/{name}")
    body = {"location": "southeastasia", "properties": {"computeType": "AKS", "properties": {}}}
    status, _, headers = client("PUT", url, body)
    assert status == 201
    return lambda: str(client("GET", headers["Azure-AsyncOperation"])[1]["status"])


def test_an_operation_takes_the_configured_number_of_polls(client: Client) -> None:
    client.azure.settings(polls=2)
    state = compute(client, "port")
    assert [state() for _ in range(4)] == ["Running", "Running", "Succeeded", "Succeeded"]


def test_a_stuck_operation_ends_when_it_is_released(client: Client) -> None:
    client.azure.faults.stick(method="PUT", path="/computes/")
    state = compute(client, "port")
    assert [state() for _ in range(3)] == ["Running"] * 3
    assert client.azure.release() == 1
    assert state() == "Succeeded"


def test_an_operation_fails_with_the_configured_error(client: Client) -> None:
    error = {"code": "QuotaExceeded", "message": "no cores left"}
    client.azure.faults.fail_operation(error, method="PUT", path="/computes/")
    assert compute(client, "port")() == "Failed"
    assert client.azure.state["computes"]["port"]["properties"]["provisioningErrors"] == [{"error": error}]


WRONG: list[tuple[str, Any]] = [
    ("/models", {"name": "sal_model", "mimeType": "application/json"}),
    ("/models", {"name": "sal_model", "mimeType": "application/json", "url": "aml://asset/none"}),
    ("/assets", {"name": "sal_model", "artifacts": [{"prefix": "LocalUpload/none"}]}),
    ("/services", {"name": "salary-svc", "computeType": "IOT"}),
    ("/services", {"name": "Salary", "computeType": "ACI", "environmentImageRequest": {}}),
    ("/services", b"no json"),
    ("/services/validate", []),
]


@pytest.mark.parametrize(("path", "body"), WRONG)
def test_a_malformed_request_is_refused_and_fails_the_test(client: Client, path: str, body: Any) -> None:
    status, answer, _ = client("POST", client.in_workspace(MODELS, "/modelmanagement/v1.0", path), body)
    assert (status, answer["statusCode"]) == (400, 400)
    assert [answer["message"] in failure for failure in client.azure.calls.accept_failures()] == [True]


def test_the_log_hides_secrets_and_keeps_bodies(client: Client) -> None:
    experiment(client)
    sign_in = client.azure.calls.like("POST", "oauth2")[0]
    assert sign_in.body["client_secret"] == "***"
    assert client.azure.client_secret not in json.dumps([call.body for call in client.azure.calls])
    assert client.azure.client_secret in client.azure.secrets


@given(skip=st.integers(0, 12), times=st.one_of(st.none(), st.integers(1, 12)), calls=st.integers(1, 30))
def test_a_rule_applies_to_the_calls_that_it_names(skip: int, times: int | None, calls: int) -> None:
    faults = Faults()
    faults.add({"effect": "drop_before", "method": "PUT", "path": "^files/", "skip": skip, "times": times})
    head = Head("PUT", "files", "/1?a=b", {})
    struck = []
    for number in range(calls):
        assert faults.meet(Head("GET", "files", "/1", {})) is None
        if faults.meet(head):
            struck.append(number)
    assert struck == list(range(skip, calls if times is None else min(calls, skip + times)))


def descendants(pid: int) -> set[int]:
    """The running descendants of a process, without zombies."""
    done = subprocess.run(["ps", "-Ao", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    children = [int(child) for child, parent, state in rows if int(parent) == pid and not state.startswith("Z")]
    return {*children, *(item for child in children for item in descendants(child))}


def running(pids: set[int]) -> str:
    listed = ",".join(map(str, pids))
    return subprocess.run(
        ["ps", "-o", "pid=,stat=,command=", "-p", listed], capture_output=True, text=True, check=False
    ).stdout


def assert_gone(pids: set[int]) -> None:
    eventually(lambda: not running(pids).strip(), "they are gone")


KEEPS = """
import os, subprocess, sys
from pathlib import Path
from offline_azure.kept import Kept
kept = Kept(["sleep", "1000"], os.environ, Path.cwd(), subprocess.DEVNULL)
print("kept", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_kept_process_ends_with_its_whole_group(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KEEPS],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"kept\n"
        eventually(lambda: "sleep 1000" in running(descendants(parent.pid)), "it is started")
        started = descendants(parent.pid)
        os.killpg(parent.pid, number)
        assert_gone(started)


def test_no_process_outlives_a_killed_emulator(azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a killed process leaves its files there
    emulator = Emulator(azurite())
    started = descendants(emulator.pid)
    assert "azurite" in running(started)
    os.kill(emulator.pid, signal.SIGKILL)
    assert_gone(started)
    emulator.close()
