"""The checks of the target `local` before a deploy."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.local.local_kit import LocalService, kill_supervisor, uri_of

from lading import Deployment, FindingSeverity, PreflightRequest, TargetFinding
from lading_local import lading_preflight
from lading_local.options import LocalOptions


def found(work: Path, **options: object) -> tuple[TargetFinding, ...]:
    deployment = Deployment(service="salary", target="t", options=LocalOptions(**options))  # type: ignore[arg-type]
    return lading_preflight(PreflightRequest(deployment=deployment), MemoryContext(work)).findings


def test_a_plain_deploy_has_no_problems(tmp_path: Path) -> None:
    assert found(tmp_path) == found(tmp_path, python="isolated") == ()


def test_a_port_of_another_program_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (problem,) = found(tmp_path, port=port)
        assert problem.message.startswith(f"port {port} of 127.0.0.1 is in use")
        assert (problem.option, problem.severity) == ("port", FindingSeverity.ERROR)
        assert f"(pid {os.getpid()})" in problem.message or not Path("/proc/net/tcp").exists()
    assert found(tmp_path, port=port) == ()


def test_an_address_of_another_machine_is_an_error_of_the_host(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, host="198.51.100.1", port=8080)
    assert (problem.option, "cannot listen on 198.51.100.1" in problem.message) == ("host", True)


def test_the_port_of_the_service_itself_is_accepted(service: LocalService) -> None:
    service.deploy()
    port = int(uri_of(service).rpartition(":")[2].partition("/")[0])
    assert found(service.context.work, port=port) == ()
    kill_supervisor(service)
    assert found(service.context.work, port=port) == ()  # its last worker may still hold it


@pytest.mark.parametrize(
    ("python", "lacking", "said"), [("current", "httptools", "scoring server"), ("isolated", "ensurepip", "ensurepip")]
)
def test_a_python_that_cannot_score_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, lacking: str, said: str
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == lacking else real(name))
    (problem,) = found(tmp_path, python=python)
    assert (problem.option, said in problem.message) == ("python", True)


def test_low_disk_space_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100, 90, 10 * 10**6))
    (problem,) = found(tmp_path)
    assert (problem.severity, problem.message) == (
        FindingSeverity.WARNING,
        f"only 10 MB are free in {tmp_path.resolve()}",
    )
