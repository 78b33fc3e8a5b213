"""The target `container` against prepared answers of an engine: what no engine here does on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.hook_kit import context_in
from tests.targets.target_kit import package_in

from lading import Deployment, DeployRequest, Failed, Image, Json, Pending, PreflightRequest
from lading_container import lading_deploy, lading_preflight
from lading_container.deploying import digest
from lading_container.options import ContainerOptions

LABELS = {"lading.service": "salary", "lading.target": "t"}
KNOWN = {
    "/version": {"ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"},
    "/networks": [{"Name": "bridge"}, {"Name": "back"}],
    "/info": {"NCPU": 4},
}


@contextmanager
def engine(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Json]) -> Iterator[list[str]]:
    """An engine that answers each path as prepared, and others with 404: the requests that change something."""
    changes: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix("/v1.41")
            found = {**KNOWN, **answers}.get(path)
            self._answer(404 if found is None else 200, {"message": "no such thing"} if found is None else found)

        def do_POST(self) -> None:
            changes.append(f"{self.command} {self.path.partition('?')[0].removeprefix('/v1.41')}")
            self._answer(200, {})

        def do_DELETE(self) -> None:
            self.do_POST()

        def _answer(self, status: int, document: Json) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
        yield changes
        server.shutdown()


def deployment(**options: Json) -> Deployment[ContainerOptions]:
    return Deployment(service="salary", target="t", options=ContainerOptions(**options))


@pytest.mark.parametrize(
    ("options", "networks", "expected"),
    [
        ({}, ["bridge"], []),
        ({}, ["podman"], []),
        ({}, ["host", "none"], ["network: the engine gives a container no network: it was started with --bridge=none"]),
        ({"network": "back"}, ["host", "back"], []),
        ({"network": "front"}, ["bridge", "back"], ["network: the engine has no network 'front'"]),
        ({"cpus": 4}, ["bridge"], []),
        ({"cpus": 4.5}, ["bridge"], ["cpus: the engine's machine has 4 processors"]),
        ({"memory": "6m"}, ["bridge"], []),
        ({"memory": "6143k"}, ["bridge"], ["memory: an engine gives a container at least 6m"]),
    ],
)
def test_preflight_finds_what_the_engine_would_refuse(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Json], networks: list[str], expected: list[str]
) -> None:
    with engine(monkeypatch, {"/networks": [{"Name": name} for name in networks]}) as changes:
        found = lading_preflight(PreflightRequest(deployment=deployment(**options))).findings
    assert [f"{each.option}: {each.message}" for each in found] == expected
    assert all(each.hint for each in found)
    assert changes == []


@pytest.mark.parametrize(
    ("code", "memory", "again"),
    [(143, False, True), (137, False, True), (255, False, True), (137, True, False), (1, False, False)],
)
def test_a_candidate_that_the_engine_stopped_is_started_again_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, memory: bool, again: bool
) -> None:
    request = DeployRequest(
        deployment=deployment(),
        package=package_in(tmp_path),
        release=1,
        release_id="1d",
        tags=LABELS,
        image=Image(reference="sha256:1d", digest="sha256:1d", platform="linux/amd64"),
    )
    context = context_in(tmp_path)
    state = {"Status": "exited", "StartedAt": "2026-01-01T12:00:00Z", "ExitCode": code, "OOMKilled": memory}
    assert request.image is not None
    labels = {**LABELS, "lading.options": digest(request.deployment.options, request.image)}
    candidate = {
        "Id": "c1",
        "Config": {"Labels": labels, "Tty": True},
        "State": state,
        "NetworkSettings": {"Ports": {}},
        "HostConfig": {"PortBindings": {}},
    }
    answers = {
        "/containers/salary.candidate/json": candidate,
        "/containers/c1/json": candidate,
        "/containers/c1/logs": "",
    }
    with engine(monkeypatch, answers) as changes:
        if again:
            step = lading_deploy(request=request, context=context)
            assert isinstance(step, Pending)
            assert step.phase == "starting again"
            assert changes == ["POST /containers/c1/start"]
        step = lading_deploy(request=request, context=context)
    assert isinstance(step, Failed)
    assert f"exited with exit code {code}" in step.reason
    assert changes[-1] == "DELETE /containers/c1"
