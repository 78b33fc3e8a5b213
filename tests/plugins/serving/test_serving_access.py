"""The access log: a line per request that no client can forge, and that never makes a worker wait."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.serving.serving_kit import ECHO, HEAD, Service, ask, connect, exchange, status
from tests.waiting import LIMIT, eventually

from lading_serving.access import AccessLog, access_log, clean, variables

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?P<method>\S+) (?P<path>\S+) (?P<status>\d{3}) ms=\d+\.\d{3}"
    r" bytes=(?P<bytes>\d+) release=(?P<release>\S+) id=(?P<id>\S+)( trace=(?P<trace>\S+))?"
)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def requests(log: str) -> list[dict[str, str | None]]:
    """The lines about requests."""
    return [found.groupdict() for line in log.splitlines() if (found := LINE.fullmatch(line))]


def logged(service: Service, number: int) -> list[dict[str, str | None]]:
    return eventually(lambda: found if len(found := requests(service.log(1))) >= number else None, "the lines")


def traced(uri: str, field: str) -> str | None:
    return ask(uri, headers={"traceparent": field}).headers.get("traceparent")


def test_each_request_is_a_line(service: Service) -> None:
    uri = service.serve(env={"LADING_RELEASE": "4"})
    given = {"x-request-id": "mine", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    assert ask(uri, b"[1, 2]", headers=given).status == 200
    assert ask(uri, None, "GET", path="/none").status == 404
    assert status(exchange(uri, b"no request\r\n\r\n")) == 400
    mine, none, wrong = logged(service, 3)
    assert mine == {**mine, "method": "POST", "path": "/score", "status": "200", "bytes": "6", "release": "4"}
    assert (mine["id"], mine["trace"]) == ("mine", TRACE)
    assert (none["method"], none["path"], none["status"], none["id"]) == ("GET", "/none", "404", "-")
    assert (wrong["method"], wrong["path"], wrong["status"]) == ("other", "-", "400")


@pytest.mark.parametrize(
    ("field", "continues"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"00-{TRACE}-{PARENT}-00", True),
        (f"cc-{TRACE}-{PARENT}-01-later", True),
        (f"00-{TRACE}-{PARENT}-01-later", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01", False),
        ("", False),
        ("x" * 5000, False),
    ],
)
def test_a_valid_trace_is_continued_with_another_span(service: Service, field: str, continues: bool) -> None:
    found = traced(service.serve(), field)
    (line,) = logged(service, 1)
    if not continues:
        assert (found, line["trace"]) == (None, None)
        return
    assert found
    version, trace, span, flags = found.split("-")
    assert (version, trace, flags) == ("00", TRACE, field[53:55])
    assert span not in {PARENT, "0" * 16}
    assert line["trace"] == TRACE


def test_json_lines_have_the_same_facts(service: Service) -> None:
    uri = service.serve(env=variables(True, "json"))
    ask(uri, b"[1]", headers={"x-request-id": 'a"b\\'})
    text = eventually(lambda: next((line for line in service.log(1).splitlines() if line[0] == "{"), ""), "the line")
    fields = json.loads(text)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(fields.pop("time"))).total_seconds() < LIMIT
    assert fields.pop("ms") >= 0
    facts = {"method": "POST", "path": "/score", "status": 200, "bytes": 3, "release": 1, "id": "a%22b%5C"}
    assert fields == facts


@pytest.mark.parametrize("label", ["1", "0", "007", "blue", "1" * 400])
def test_a_line_is_json_with_any_label_of_a_release(label: str) -> None:
    written = bytearray()
    log = access_log(partial(_append, written), variables(True, "json"), label)
    assert log is not None
    log.note(log.words("GET", "/", 200), 1.0, 0.5, 3, "-")
    expected: int | str = 1 if label == "1" else label[:200]
    assert json.loads(written)["release"] == expected


@pytest.mark.parametrize(("share", "lines"), [(True, 200), (0.1, 20), (0.25, 50), (0.995, 199), (0.001, 1), (False, 0)])
def test_a_share_of_the_requests_is_logged_evenly(share: float, lines: int) -> None:
    written = bytearray()
    log = access_log(partial(_append, written), variables(share, "text"), "1")
    for _ in range(200 if log else 0):
        assert log
        note(log)
    if log:
        log.flush()
    assert len(bytes(written).splitlines()) == lines


def note(log: AccessLog) -> None:
    log.note(log.words("POST", "/score", 200), time.perf_counter(), 0.001, 2, "an-id")


def _append(written: bytearray, data: bytes) -> int:
    written += data
    return len(data)


@given(st.text(max_size=300))
def test_a_text_of_a_client_is_one_word(text: str) -> None:
    found = clean(text)
    assert found
    assert set(found) <= {*string.ascii_letters, *string.digits, *"/._~:@!$&'()*+,;=-%"}
    assert len(found) <= 400


@pytest.mark.parametrize("form", ["text", "json"])
def test_clients_cannot_write_lines(service: Service, form: str) -> None:
    uri = service.serve(env=variables(True, form))
    for head in (
        b"GET /x%0A2026-11-29T00:00:00.000Z%20GET%20/forged HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /%1b[2J%00%E2%80%A8%85 HTTP/1.1\r\nHost: localhost\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nx-request-id: a\x85b\xa0c id=forged\td\r\n",
    ):
        exchange(uri, head + b"Connection: close\r\n\r\n")
    text = eventually(
        lambda: log if len(re.findall(r" ms=|\"ms\":", log := service.log(1))) == 3 else "", "three lines"
    )
    assert text.isascii()
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    assert len([line for line in text.splitlines() if "GET" in line]) == 3
    assert " id=forged" not in text
    assert '"id": "forged' not in text


def test_lines_that_nobody_reads_are_counted_and_others_follow() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    log = AccessLog(partial(os.write, writer), 1.0, "1", as_json=False)
    for _ in range(20_000):
        note(log)
    read = bytearray()
    while b"nobody read" not in read:
        read += os.read(reader, 1 << 20)
        log.flush()
    lines = read.decode().splitlines()
    whole = [line for line in lines if LINE.fullmatch(line)]
    dropped = re.search(r"(\d+) requests are not in this log", lines[-1])
    assert dropped
    assert len(whole) + int(dropped[1]) == 20_000
    assert len(whole) == len(lines) - 1
    os.close(reader)
    note(log)
    log.flush()  # nor does a reader that is gone matter
    os.close(writer)


def test_a_stopped_supervisor_does_not_stop_the_worker(service: Service) -> None:
    uri = service.serve()
    os.kill(service.pid(), signal.SIGSTOP)
    try:
        with connect(uri) as sock:
            sock.settimeout(LIMIT)
            for _ in range(20):  # more lines than a pipe holds
                sock.sendall((HEAD + b"Content-Length: 2\r\n\r\n[]") * 50)
                received = b""
                while received.count(b"HTTP/1.1 200") < 50:
                    received += sock.recv(65536)
    finally:
        os.kill(service.pid(), signal.SIGCONT)
    assert len(logged(service, 1000)) == 1000


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[int]:
    """The port of a server in the foreground whose output nobody reads once it listens."""
    (tmp_path / "score.py").write_text(re.sub("^    ", "", ECHO, flags=re.MULTILINE))
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "lading_serving.foreground", "--port", str(port)]
    env = {"PATH": os.environ["PATH"], "AML_APP_ROOT": str(tmp_path), "AZUREML_ENTRY_SCRIPT": "score.py"}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=writer) as process:
        said = b""
        while b"listening" not in said or b"is ready" not in said:
            said += os.read(reader, 4096)
        yield port
        process.kill()
    os.close(reader)
    os.close(writer)


def test_a_console_that_nobody_reads_does_not_stop_the_service(unread: int) -> None:
    uri = f"http://127.0.0.1:{unread}/score"
    for _ in range(600):  # more lines than a pipe holds
        assert ask(uri, b"[]", headers={"x-request-id": "i" * 100}).status == 200
