"""The supervisor in the foreground, as in a container image."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.plugins.serving.serving_kit import Answer, processes
from tests.waiting import LIMIT, eventually

ECHO = "import json\n\ndef init():\n    pass\n\ndef run(raw_data):\n    return json.loads(raw_data)\n"
STUCK = """
import itertools, os

def init():
    pass

def run(raw_data):
    if raw_data == "[1]":
        return os.getpid()
    open("asked", "w").close()
    return sum(itertools.repeat(1, 10**12))
"""
DETACHED = """
import subprocess

def init():
    pass

def run(raw_data):
    return subprocess.Popen(["sleep", "600"], start_new_session=True).pid
"""
Start = Callable[..., "tuple[subprocess.Popen[str], int]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []

    def start(script: str, *arguments: str, **env: str) -> tuple[subprocess.Popen[str], int]:
        (tmp_path / "score.py").write_text(script)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "lading_serving.foreground", "--port", str(port), *arguments]
        env |= {"PATH": os.environ["PATH"], "AML_APP_ROOT": str(tmp_path), "AZUREML_ENTRY_SCRIPT": "score.py"}
        log = (tmp_path / "log").open("w")
        with log:
            started.append(subprocess.Popen(command, env=env, cwd=tmp_path, stderr=log, stdout=log, text=True))
        return started[-1], port

    yield start
    for process in started:
        with process:
            process.kill()


def ask(port: int, body: bytes = b"[1]", method: str = "POST", path: str = "/score") -> Answer | None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    with suppress(OSError, http.client.HTTPException), closing(client):
        client.request(method, path, body, {"content-type": "application/json"})
        return Answer(client.getresponse())
    return None


def answer(port: int) -> Answer:
    found = eventually(lambda: ask(port), "an answer")
    assert found is not None
    return found


def workers(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_receives_a_signal_to_end(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process, port = start(ECHO)
    assert (answer(port).status, answer(port).body) == (200, b"[1]")
    assert f"init() succeeded; listening on 127.0.0.1 port {port}\n" in (tmp_path / "log").read_text()
    process.send_signal(number)
    assert process.wait(LIMIT) == 0


@pytest.mark.parametrize("fault", ["raise ValueError('no model')", "raise SystemExit(0)"])
def test_it_ends_if_the_script_cannot_be_started(start: Start, tmp_path: Path, fault: str) -> None:
    process, _port = start(f"def init():\n    {fault}\n\ndef run(raw_data):\n    return 1\n")
    assert process.wait(LIMIT) == 3
    assert fault in (tmp_path / "log").read_text()


def test_a_script_that_is_killed_at_its_start_ends_it_like_the_signal(start: Start, tmp_path: Path) -> None:
    process, _port = start(
        "import os\n\ndef init():\n    os.kill(os.getpid(), 9)\n\ndef run(raw_data):\n    return 1\n"
    )
    assert process.wait(LIMIT) == 137
    assert "may have run out of memory" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("other", ["starts", "has failed too"])
def test_the_worker_that_failed_decides_the_exit_code_and_not_one_that_was_killed_for_it(
    start: Start, tmp_path: Path, other: str
) -> None:
    script = f"""
import atexit, os, pathlib, time

def linger():
    pathlib.Path("lingers").touch()
    time.sleep(600)

def init():
    pathlib.Path(str(os.getpid())).with_suffix(".worker").touch()
    while len(found := sorted(pathlib.Path().glob("*.worker"))) < 2:
        time.sleep(0.01)
    if found[0].stem == str(os.getpid()):
        while not pathlib.Path("lingers").exists():
            time.sleep(0.01)
        raise ValueError("no model")
    {"linger()" if other == "starts" else "atexit.register(linger)"}
    raise ValueError("no model")

def run(raw_data):
    return 1
"""
    process, _port = start(script, "--workers", "2")
    assert process.wait(LIMIT) == 3
    log = (tmp_path / "log").read_text()
    assert "ValueError: no model" in log
    assert "out of memory" not in log


def test_a_port_in_use_is_named(start: Start, tmp_path: Path) -> None:
    first, port = start(ECHO)
    answer(port)
    second, _ = start(ECHO, "--port", str(port))
    assert second.wait(LIMIT) == 3
    assert f"port {port} of 127.0.0.1 is in use" in (tmp_path / "log").read_text()
    assert first.poll() is None


def test_a_stuck_worker_is_replaced_and_health_is_answered_meanwhile(start: Start, tmp_path: Path) -> None:
    _, port = start(STUCK, SCORING_TIMEOUT_MS="1500")
    worker = answer(port).json
    with closing(socket.create_connection(("127.0.0.1", port))) as stuck:
        stuck.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        stuck.sendall(b"X-Request-Id: the-stuck-one\r\nContent-Length: 3\r\n\r\n[2]")
        eventually((tmp_path / "asked").exists, "run is called")
        health = ask(port, b"", "GET", "/")
        assert health is not None
        assert (health.status, health.body) == (200, b"Healthy")
        assert stuck.recv(1) == b""
    assert answer(port).json != worker
    assert "the request the-stuck-one did not end within 1.5 s" in (tmp_path / "log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux adopts processes")
def test_processes_of_a_script_end_with_their_worker_and_with_the_supervisor(start: Start) -> None:
    process, port = start(DETACHED)
    first = answer(port).json
    (worker,) = set(workers(process)) - {first}
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: first not in processes(), "the first has ended")
    second = answer(port).json
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 0
    assert second not in processes()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the children of a process from /proc")
def test_there_is_one_worker_unless_more_are_wanted(start: Start) -> None:
    process, port = start(ECHO)
    answer(port)
    assert len(workers(process)) == 1
    process, port = start(ECHO, "--workers", "2")
    answer(port)
    assert len(workers(process)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a process with its parent")
def test_the_workers_of_a_killed_supervisor_end(start: Start) -> None:
    process, port = start(ECHO)
    answer(port)
    (worker,) = workers(process)
    process.kill()
    eventually(lambda: worker not in processes(), "the worker has ended")
