"""Limits for clients: a violation gives a 4xx, never a 5xx and never a blocked worker."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.plugins.serving.serving_kit import HEAD, Service, ask, connect, exchange, read_all, status
from tests.waiting import LIMIT, eventually

from lading_serving.nesting import nests_deeper

TIMES = ("head_timeout", "body_timeout", "idle_timeout", "write_timeout")
PATIENT = dict.fromkeys(TIMES, 2 * LIMIT)  # longer than the client's limit
HASTY = {"head_timeout": 0.6, "body_timeout": 0.6, "idle_timeout": 1.0, "write_timeout": 1.0}
SMALL = {"max_body": 100_000, "max_connections": 20}
SLOW = """
    import json, time

    def init():
        pass

    def run(raw_data):
        time.sleep(json.loads(raw_data))
        return "done"
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("limits") / "service")
    service.serve(limits=SMALL | PATIENT)
    yield service
    service.stop()


@pytest.fixture
def hasty(service: Service) -> Iterator[str]:
    """A service with short time limits. The same worker must still run after the test."""
    uri = service.serve(limits=SMALL | HASTY)
    workers = service.workers()
    yield uri
    assert service.workers() == workers


@pytest.fixture
def uri(echo: Service) -> Iterator[str]:
    """A service that echoes JSON, with small limits. The same worker must still respond after the test."""
    uri, workers = echo.until(1, "serving")["public_uri"], echo.workers()
    yield uri
    assert ask(uri, b"[1]").json == [1]
    assert echo.workers() == workers


@pytest.mark.parametrize(
    ("request_", "code", "word"),
    [
        (HEAD + b"Content-Length: 100001\r\n\r\n", 413, b"100000 bytes"),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 400, b"HTTP"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, b"HTTP"),
        (
            HEAD
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"10000\r\n"
            + b"x" * 65536
            + b"\r\n"
            + b"10000\r\n"
            + b"x" * 65536,
            413,
            b"100000",
        ),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, b"HTTP"),
        (HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n", 431, b"100 header fields"),
        (HEAD + b"X: " + b"y" * 40_000 + b"\r\n\r\n", 431, b"32768 bytes"),
        (HEAD + b"X: " + b"y" * 2_000_000, 431, b"32768 bytes"),
        (b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\n\r\n", 431, b"32768 bytes"),
        (b"GET /" + b"y" * 2_000_000, 431, b"32768 bytes"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, b"HTTP"),
        (b"hello\r\n\r\n", 400, b"HTTP"),
        (b"CONNECT example.org:80 HTTP/1.1\r\n\r\n", 405, b"proxy"),
    ],
    ids=map(str, range(13)),  # pytest would put the bytes into the environment
)
def test_a_request_beyond_a_limit_is_refused_with_the_limit(uri: str, request_: bytes, code: int, word: bytes) -> None:
    answer = exchange(uri, request_)
    assert status(answer) == code
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert word in body
    assert json.loads(body)["message"]


def test_a_body_at_the_limit_is_answered(uri: str) -> None:
    assert ask(uri, json.dumps("x" * (100_000 - 2)).encode()).status == 200


def test_a_refusal_is_readable_even_if_the_client_keeps_sending(uri: str) -> None:
    answer = ask(uri, b"x" * 20_000_000)
    assert answer.status == 413


@pytest.mark.parametrize(
    ("start", "phase"), [(HEAD, "head"), (b"P", "head"), (HEAD + b"Content-Length: 10\r\n\r\n123", "body")]
)
def test_a_slow_request_is_refused(hasty: str, start: bytes, phase: str) -> None:
    answer = exchange(hasty, start)
    assert status(answer) == 408
    assert f"the request's {phase} did not arrive within 0.6 s".encode() in answer


def test_single_bytes_do_not_extend_the_time_limit(hasty: str) -> None:
    with connect(hasty) as sock:
        sock.sendall(HEAD + b"X: ")
        sock.setblocking(False)

        def trickle() -> bytes:
            with suppress(BlockingIOError):
                return sock.recv(65536)
            sock.sendall(b"x")
            return b""

        assert status(eventually(trickle, "an answer")) == 408


def test_a_silent_connection_is_closed(hasty: str) -> None:
    assert exchange(hasty, b"") == b""


def test_slow_clients_do_not_delay_others(uri: str) -> None:
    crowd = [connect(uri) for _ in range(60)]
    for sock in crowd:
        sock.sendall(HEAD)
    assert ask(uri, b"[2]").json == [2]  # none of the slow clients is refused before that: the service waits for them
    for sock in crowd:
        sock.close()


def test_the_slowest_client_is_refused_if_bodies_need_too_much_memory(uri: str) -> None:
    start = HEAD + b"Content-Length: 100000\r\n\r\n" + b" " * 99_999
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(uri)) for _ in range(6)]
        for sock in crowd[:5]:
            sock.sendall(start)
        refused = crowd[0].recv(65536)  # each had its turn before the fifth body reached the limit
        assert status(refused) == 408
        assert b"arrived too slowly" in refused
        for sock in crowd[1:5]:
            sock.sendall(b"1")
            assert status(sock.recv(65536)) == 200
        for sock in crowd[1:]:  # and their memory is free again
            sock.sendall(start + b"1")
            assert status(sock.recv(65536)) == 200


def test_a_client_that_never_reads_is_disconnected(hasty: str) -> None:
    body = json.dumps("x" * 90_000).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with connect(hasty) as sock:
        sock.settimeout(LIMIT)
        with pytest.raises(ConnectionError):  # a time-out of the client would mean that the server waits for ever
            sock.sendall(request * 400)


def test_waiting_for_run_does_not_count_as_the_clients_time(service: Service) -> None:
    uri = service.serve(script=SLOW, limits=SMALL | HASTY | {"head_timeout": 4.0})
    with connect(uri) as slow, connect(uri) as other:
        other.sendall(HEAD[:20])
        time.sleep(0.1)  # the head has begun, so its time limit applies
        slow.sendall(HEAD + b"Content-Length: 1\r\n\r\n5")
        other.sendall(HEAD[20:] + b"Content-Length: 1\r\nConnection: close\r\n\r\n0")
        assert b'"done"' in read_all(other)


@pytest.mark.parametrize("body", [b"[" * 201 + b"]" * 201, b'{"a":' * 300, b" \n" * 5000 + b"[" * 50_000])
def test_deep_json_is_refused_before_it_reaches_the_script(uri: str, body: bytes) -> None:
    answer = ask(uri, body)
    assert answer.status == 400
    assert answer.json == {"message": "the JSON must not nest deeper than 200 levels"}


def test_deep_json_in_a_query_is_refused(uri: str) -> None:
    assert ask(uri, None, "GET", path="/score?a=" + "[" * 5000).status == 400


def test_json_at_the_depth_limit_is_answered(uri: str) -> None:
    assert ask(uri, b"[" * 200 + b"]" * 200).status == 200
    assert ask(uri, json.dumps([[n] for n in range(5000)]).encode()).status == 200
    assert ask(uri, json.dumps(["[" * 5000, '\\"[' * 300]).encode()).status == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_form_is_refused_with_the_header_to_send(uri: str, kind: str) -> None:
    answer = ask(uri, b'{"a": 1}', headers={"content-type": kind})
    assert answer.status == 415
    assert "content-type: application/json" in answer.json["message"]


def test_pipelined_requests_are_answered_in_order(uri: str) -> None:
    requests = [HEAD + b"Content-Length: %d\r\n\r\n%d" % (len(str(n)), n) for n in range(500)]
    last = HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\n500"
    answer = exchange(uri, b"".join(requests) + last)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"%d" % n for n in range(501)]


def test_a_refusal_follows_earlier_responses(uri: str) -> None:
    answer = exchange(uri, (HEAD + b"Content-Length: 1\r\n\r\n7") * 2 + b"nonsense\r\n\r\n")
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]


def test_continue_is_sent_before_the_body(uri: str) -> None:
    with connect(uri) as sock:
        sock.sendall(HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"[9]")
        assert read_all(sock).endswith(b"[9]")


def test_an_upgrade_request_is_ignored(uri: str) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    with connect(uri) as sock:
        for _ in range(2):
            sock.sendall(HEAD + upgrade + b"Content-Length: 3\r\n\r\n[9]")
            assert sock.recv(65536).endswith(b"[9]")


def test_http_1_0_and_half_closed_connections_are_answered(uri: str) -> None:
    with connect(uri) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).endswith(b"\r\n\r\nHealthy")


@settings(max_examples=60)
@given(st.binary(max_size=300), st.booleans())
def test_no_input_causes_a_5xx_or_kills_a_worker(uri: str, data: bytes, with_head: bool) -> None:
    parts = urlsplit(uri)
    with closing(connect(uri)) as sock:
        sock.sendall((b"GET / HTTP/1.1\r\nHost: localhost\r\n" if with_head else b"") + data)
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert parts.port
    assert not answer or status(answer) < 500 or status(answer) == 505


JSON_TEXTS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text('[]{}"\\ a', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('[]{}"\\', max_size=4), inner, max_size=4),
    max_leaves=40,
)


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(JSON_TEXTS, st.integers(0, 6))
def test_the_nesting_depth_equals_that_of_a_parser(value: object, limit: int) -> None:
    assert nests_deeper(json.dumps(value).encode(), limit) == (depth(value) > limit)


@given(st.binary(max_size=200), st.integers(0, 5))
def test_the_nesting_of_any_other_text_is_measured_without_an_error(data: bytes, limit: int) -> None:
    assert nests_deeper(data, limit) in {True, False}
