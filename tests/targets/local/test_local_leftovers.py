"""What is left of a service whose supervisor and keeper were both killed, and a port that another program took."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.targets.local.local_kit import LocalService, ask, kill_supervisor, uri_of
from tests.waiting import eventually

import lading_local.leftovers
from lading import StageFailed
from lading_local import lading_delete
from lading_serving import leftovers as module
from lading_serving.leftovers import MARK, leftovers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment of a process")


@pytest.fixture
def left(service: LocalService) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the service that has outlived it."""
    with subprocess.Popen(["sleep", "600"], env={MARK: str(service.folder.path)}) as process:
        eventually(lambda: leftovers(service.folder.path) == [process.pid], "the process has started")
        yield process
        process.kill()


def unable_to_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIMIT", 0.05)
    monkeypatch.setattr(os, "kill", lambda *_: None)


def test_a_delete_that_cannot_end_a_process_names_it_and_keeps_the_files(
    service: LocalService, left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (service.folder.path / "desired.json").write_text('{"serving": 1, "candidate": null}')
    with monkeypatch.context() as patched:
        unable_to_kill(patched)
        with pytest.raises(StageFailed, match=rf"cannot be ended: sleep \(pid {left.pid}\)"):
            lading_delete(service.request().deployment, service.context)
    assert (service.folder.path / "desired.json").exists()


def test_a_deploy_that_cannot_end_a_process_names_it(
    service: LocalService, left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        unable_to_kill(patched)
        with pytest.raises(StageFailed, match=rf"cannot be ended: sleep \(pid {left.pid}\)"):
            service.deploy(1)
    assert not service.folder.is_supervised()


def test_no_supervisor_starts_while_leftovers_are_ended(service: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    monkeypatch.setattr(lading_local.leftovers, "end_leftovers", lambda _: held.append(service.folder.is_supervised()))
    service.deploy(1)
    assert held == [True]


def test_a_deploy_warns_if_another_program_has_the_port(service: LocalService) -> None:
    service.deploy(1)
    before = uri_of(service)
    kill_supervisor(service)
    port = int(before.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        service.deploy(1)
    assert uri_of(service) != before
    assert ask(uri_of(service)) == "1"
    (warning,) = service.context.warnings
    assert f"port {port} of 127.0.0.1 is in use by" in warning
    assert f"(pid {os.getpid()}): the service moves to another port" in warning


def test_a_deploy_after_a_kill_takes_the_same_port_without_a_warning(service: LocalService) -> None:
    service.deploy(1)
    before = uri_of(service)
    kill_supervisor(service)
    service.deploy(1)
    assert uri_of(service) == before
    assert service.context.warnings == []
