"""Malformed input: each request is answered or refused, and affects only its own connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.plugins.serving.serving_kit import HEAD, Service, ask, connect, exchange, read_all, status
from tests.waiting import LIMIT

from lading_serving.logs import Recurring
from lading_serving.messages import Request, Response
from lading_serving.server import Server
from lading_serving.spec import Limits

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
HEADERS = """
    def init():
        pass

    def run(raw_data, request_headers):
        if raw_data == "empty":
            from azureml.contrib.services.aml_response import AMLResponse
            return AMLResponse("ignored", 204)
        return {name: value for name, value in request_headers.items() if name.startswith("X-")}
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("bytes") / "service")
    service.serve(script=HEADERS)
    yield service
    service.stop()


@pytest.fixture
def uri(echo: Service) -> Iterator[str]:
    """A service that echoes the X- headers. The same worker must still respond after the test."""
    uri, workers = echo.until(1, "serving")["public_uri"], echo.workers()
    yield uri
    assert ask(uri).status == 200
    assert echo.workers() == workers
    assert "Traceback" not in echo.log(1)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"http://", 400),
        (b"http://a:99999/", 400),
        (b"http://a:/", 421),
        (b"http://:80/", 421),
        (b"http:///a", 400),
        (b"http://[::1/", 400),
        (b"http://[::g]/", 400),
        (b"http://a@b@c/", 400),
        (b"http://user@localhost/", 400),
        (b"http://?a", 400),
        (b"ftp://localhost/", 400),
        (b"*", 404),
    ],
)
def test_a_malformed_target_is_refused(uri: str, target: bytes, code: int) -> None:
    answer = exchange(uri, b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % target)
    assert status(answer) == code


def test_a_content_length_of_thousands_of_digits_is_refused(uri: str) -> None:
    assert status(exchange(uri, HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n")) == 400
    assert status(exchange(uri, HEAD + b"Content-Length: " + b"0" * 5000 + b"\r\n\r\n")) == 400


def test_many_upgrade_requests_are_answered_in_turn(uri: str) -> None:
    offer = GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    answer = exchange(uri, offer * 3000 + GET + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 3001


def test_an_upgrade_request_of_http_1_0_is_ignored(uri: str) -> None:
    assert exchange(uri, b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").endswith(b"Healthy")


@pytest.mark.parametrize(
    "line",
    [
        b"GET /",
        b"GET / HTTP/0.9",
        b"GET / HTTP/2.0",
        b"GET / HTTP/3.0",
        b"PRI * HTTP/2.0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
    ],
)
def test_another_version_of_http_is_refused(uri: str, line: bytes) -> None:
    assert status(exchange(uri, line + b"\r\nHost: localhost\r\n\r\n")) == 505


def test_a_request_line_without_a_version_is_refused_at_once(uri: str) -> None:
    assert status(exchange(uri, b"GET /\r\n")) == 505


def test_an_unknown_expectation_is_refused(uri: str) -> None:
    assert status(exchange(uri, HEAD + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}")) == 417


def test_an_interim_response_waits_for_earlier_responses(uri: str) -> None:
    waiting = HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    with connect(uri) as sock:
        sock.sendall(GET + b"\r\n" + waiting)
        answer = b""
        while not answer.endswith(b"100 Continue\r\n\r\n"):
            answer += sock.recv(65536)
        sock.sendall(b"{}")
        answer += read_all(sock)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"100", b"200"]


def test_trailers_are_not_headers(uri: str) -> None:
    answer = exchange(uri, CHUNKED + b"2\r\n{}\r\n0\r\nX-Trailer: 1\r\nContent-Type: text/html\r\n\r\n")
    assert status(answer) == 200
    assert answer.endswith(b"{}")


@pytest.mark.parametrize(
    "chunks",
    [
        b"2;" + b"a=b;" * 20_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"1;" + b"a" * 200 + b"\r\n \r\n",
        b"0\r\n" + b"X-Trailer: 1\r\n" * 10_000,
        b"0\r\nX-Trailer: " + b"1" * 100_000,
        b"0" * 100_000,
    ],
    ids=["many extensions", "one extension", "many trailers", "one trailer", "many digits"],
)
def test_chunk_extensions_and_trailers_are_limited(uri: str, chunks: bytes) -> None:
    answer = exchange(uri, CHUNKED + (chunks if len(chunks) > 1000 else chunks * 10_000))
    assert status(answer) == 400
    assert b"must not exceed 32768 bytes" in answer


def test_small_chunks_and_a_short_extension_are_answered(uri: str) -> None:
    chunks = b"1\r\n \r\n" * 20_000 + b"2;a=b\r\n{}\r\n0\r\n\r\n"
    assert status(exchange(uri, CHUNKED + chunks)) == 200


def test_a_large_head_within_the_limit_is_answered_in_any_pieces(uri: str) -> None:
    head = GET + b"Connection: close\r\n" + b"".join(b"X-%02d: %s\r\n" % (n, b"y" * 300) for n in range(90)) + b"\r\n"
    assert status(exchange(uri, head)) == 200
    with connect(uri) as sock:
        for at in range(0, len(head), 1000):
            sock.sendall(head[at : at + 1000])
        assert status(read_all(sock)) == 200


def test_a_status_without_a_body_does_not_damage_the_next_response(uri: str) -> None:
    empty = HEAD + b"Content-Length: 5\r\n\r\nempty"
    answer = exchange(uri, empty + GET + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert answer.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 200 OK")


def test_a_script_that_fails_after_closing_its_output_still_gets_a_response(service: Service) -> None:
    uri = service.serve(script="import os\ndef init():\n    os.close(2)\ndef run(raw_data):\n    raise OSError\n")
    workers = service.workers()
    for _ in range(2):
        assert ask(uri).status == 500
    assert service.workers() == workers


@contextmanager
def running(app: Callable[[Request], Response]) -> Iterator[tuple[Server, str]]:
    """A server in this process, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server, (ours, theirs) = Server(app, Limits()), socket.socketpair()
        server.accept_from(listener)
        server.call_when_readable(theirs, lambda: server.drain(0))
        thread = threading.Thread(target=server.run)
        thread.start()
        with ours, theirs:
            try:
                yield server, f"http://127.0.0.1:{listener.getsockname()[1]}/"
            finally:
                ours.send(b"x")
                thread.join(LIMIT)
    assert not thread.is_alive()


def fragile(request: Request) -> Response:
    if request.path == "/bad":
        raise ZeroDivisionError
    return Response(200, request.path.encode(), [])


def test_an_unexpected_error_ends_only_its_connection(capfd: pytest.CaptureFixture[str]) -> None:
    bad = b"GET /bad HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with running(fragile) as (_, uri), connect(uri) as other:
        other.sendall(GET)
        for _ in range(3):
            answer = exchange(uri, bad + GET + b"\r\n")
            assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"400"]
        other.sendall(b"Connection: close\r\n\r\n")
        assert status(read_all(other)) == 200
    assert capfd.readouterr().err.count("Traceback") == 1


def test_an_error_of_a_pipelined_request_follows_the_earlier_response() -> None:
    with running(fragile) as (_, uri):
        answer = exchange(uri, GET + b"\r\nGET /bad HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_an_error_of_a_callback_does_not_end_the_server(capfd: pytest.CaptureFixture[str]) -> None:
    ours, theirs = socket.socketpair()

    def fail() -> None:
        theirs.recv(1)
        raise ZeroDivisionError

    with ours, theirs, running(fragile) as (server, uri):
        server.call_when_readable(theirs, fail)
        assert ask(uri, None, "GET", path="/wake").status == 200
        ours.send(b"x")
        assert ask(uri, None, "GET", path="/a").body == b"/a"
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_recurring_error_is_logged_once_a_minute_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now, entries = [100.0], list[str]()
    monkeypatch.setattr("lading_serving.logs.time.monotonic", lambda: now[0])
    trouble = Recurring("trouble", entries.append)
    for second in (100.0, 110.0, 159.0):
        now[0] = second
        trouble.note(f"at {second:g}")
    assert entries == ["trouble: 1 times; the last: at 100"]
    now[0] = 161.0
    trouble.flush()
    trouble.flush()
    assert entries[1:] == ["trouble: 2 times; the last: at 159"]


def test_white_space_around_a_host_is_ignored(uri: str) -> None:
    assert status(exchange(uri, b"GET / HTTP/1.1\r\nHost:\tlocalhost \t\r\nConnection: close\r\n\r\n")) == 200
