"""The scoring server without a supervisor, as in a container."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.waiting import LIMIT, eventually

Start = Callable[[str], "tuple[subprocess.Popen[str], int]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []

    def start(script: str) -> tuple[subprocess.Popen[str], int]:
        (tmp_path / "score.py").write_text(script)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "lading_serving.alone", "--port", str(port)]
        env = {"PATH": os.environ["PATH"], "AML_APP_ROOT": str(tmp_path), "AZUREML_ENTRY_SCRIPT": "score.py"}
        started.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True))
        return started[-1], port

    yield start
    for process in started:
        with process:
            process.kill()


def ask(port: int) -> tuple[int, bytes] | None:
    with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)) as client:
        client.request("POST", "/score", b"[1]", {"content-type": "application/json"})
        answer = client.getresponse()
        return answer.status, answer.read()
    return None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_receives_a_signal_to_end(start: Start, number: signal.Signals) -> None:
    process, port = start(
        "import json\n\ndef init():\n    pass\n\ndef run(raw_data):\n    return json.loads(raw_data)\n"
    )
    assert eventually(lambda: ask(port), "an answer") == (200, b"[1]")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT) as answer:
        assert b'lading_requests_total{method="POST",release="",status="200"} 1.0' in answer.read()
    process.send_signal(number)
    assert process.wait(LIMIT) == 0


def test_a_script_opens_the_file_beside_it(start: Start, tmp_path: Path) -> None:
    (tmp_path / "factor.txt").write_text("7")
    _process, port = start("def init():\n    pass\n\ndef run(raw_data):\n    return int(open('factor.txt').read())\n")
    assert eventually(lambda: ask(port), "an answer") == (200, b"7")


@pytest.mark.parametrize("fault", ["raise ValueError('no model')", "raise SystemExit(0)"])
def test_it_ends_if_the_script_cannot_be_started(start: Start, fault: str) -> None:
    process, _port = start(f"def init():\n    {fault}\n\ndef run(raw_data):\n    return 1\n")
    assert process.stderr is not None
    assert fault in process.stderr.read()
    assert process.wait(LIMIT) == 3
