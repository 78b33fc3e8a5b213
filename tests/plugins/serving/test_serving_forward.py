"""The pool of connections to another worker, with a listener of the test in place of the worker."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from tests.waiting import LIMIT

from lading_serving.encoding import encoded
from lading_serving.forward import Errand, Pool
from lading_serving.messages import Request, Response

OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-a: b\r\ndate: today\r\n\r\n%s"


class Selecting:
    """The loop of a server."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()

    def attend(self, sock: socket.socket, events: int, callback: Callable[[], None]) -> None:
        with suppress(KeyError):
            self.selector.unregister(sock)
        if events:
            self.selector.register(sock, events, callback)

    def step(self, seconds: float = LIMIT) -> None:
        for key, _ in self.selector.select(seconds):
            key.data()


class Other:
    """The other worker, and the errands that are sent to it."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT)
        self.port: int = self.listener.getsockname()[1]
        self.loop = Selecting()
        self.pool = Pool(self.loop, 2, max_bytes=100, max_unread=1000)
        self.answers: dict[str, Response | None] = {}
        self.socks: list[socket.socket] = []

    def send(self, name: str) -> Errand:
        errand = Errand(self.port, encoded(Request("POST", "/score", "", {}, name.encode())), self._done(name))
        self.pool.send(errand)
        return errand

    def _done(self, name: str) -> Callable[[Response | None], None]:
        def done(response: Response | None) -> None:
            self.answers[name] = response

        return done

    def accept(self) -> socket.socket:
        sock, _ = self.listener.accept()
        sock.settimeout(LIMIT)
        self.socks.append(sock)
        return sock

    def until(self, name: str) -> Response | None:
        while name not in self.answers:
            self.loop.step()
        return self.answers[name]


@pytest.fixture
def other() -> Iterator[Other]:
    made = Other()
    yield made
    made.pool.abandon()
    for sock in (made.listener, *made.socks):
        sock.close()
    made.loop.selector.close()


def take(sock: socket.socket) -> bytes:
    """The body of one request, which these tests keep small."""
    return sock.recv(65536).partition(b"\r\n\r\n")[2]


def body(response: Response | None) -> bytes | None:
    return response.body if response else None


def test_one_connection_carries_requests_one_after_another(other: Other) -> None:
    other.send("a")
    sock = other.accept()
    for name, following in (("a", "b"), ("b", "c")):
        assert take(sock) == name.encode()
        sock.sendall(OK % (3, name.encode() * 3))
        found = other.until(name)
        assert found is not None
        assert (found.status, found.body, found.headers) == (200, name.encode() * 3, [("x-a", "b")])
        other.send(following)


def test_more_requests_than_connections_wait(other: Other) -> None:
    for name in "abc":
        other.send(name)
    first, second = other.accept(), other.accept()
    assert {take(first), take(second)} == {b"a", b"b"}
    first.sendall(OK % (1, b"1"))
    other.loop.step()
    assert take(first) == b"c"
    assert len(other.answers) == 1


def test_a_request_whose_connection_breaks_has_no_answer(other: Other) -> None:
    other.send("a")
    with other.accept() as sock:
        take(sock)
        sock.sendall(OK[:20])
    assert other.until("a") is None


def test_a_request_to_a_closed_port_has_no_answer(other: Other) -> None:
    other.listener.close()
    other.send("a")
    assert other.until("a") is None


def used(other: Other) -> socket.socket:
    """The other side of a connection with one answered request."""
    other.send("a")
    sock = other.accept()
    take(sock)
    sock.sendall(OK % (1, b"1"))
    other.until("a")
    return sock


@pytest.mark.parametrize("is_sent_before", [False, True])
def test_a_request_over_a_connection_that_was_closed_before_is_sent_again(other: Other, is_sent_before: bool) -> None:
    with used(other):
        if is_sent_before:
            other.send("b")  # it arrives, and is not read
    if is_sent_before:
        other.loop.step()
    else:
        other.send("b")
    sock = other.accept()
    assert take(sock) == b"b"
    sock.sendall(OK % (1, b"2"))
    assert body(other.until("b")) == b"2"


def test_a_request_that_has_ended_the_other_worker_is_not_sent_again(other: Other) -> None:
    with used(other) as sock:
        other.send("b")
        assert take(sock) == b"b"
    assert other.until("b") is None
    other.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.listener.accept()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n1", OK % (1, b"1")]
)
def test_a_connection_is_closed_if_the_other_side_says_so(other: Other, answer: bytes) -> None:
    other.send("a")
    sock = other.accept()
    take(sock)
    sock.sendall(answer)
    other.until("a")
    if b"close" not in answer:
        other.pool.close_idle()
    assert sock.recv(1) == b""


def test_an_answer_without_sense_counts_as_broken(other: Other) -> None:
    other.send("a")
    other.accept().sendall(b"nonsense\r\n\r\n")
    assert other.until("a") is None


def test_input_on_an_idle_connection_closes_it(other: Other) -> None:
    other.send("a")
    sock = other.accept()
    take(sock)
    sock.sendall(OK % (1, b"1"))
    other.until("a")
    sock.sendall(OK % (1, b"2"))
    other.loop.step()
    assert sock.recv(1) == b""


def test_a_cancelled_request_is_not_answered(other: Other) -> None:
    sent, _second, waiting = other.send("a"), other.send("b"), other.send("c")
    first = other.accept()
    other.pool.cancel(waiting)
    other.pool.cancel(sent)
    assert take(first) == b"a"
    assert first.recv(1) == b""
    assert other.answers == {}
    other.pool.cancel(sent)


def test_all_requests_can_be_given_up(other: Other) -> None:
    for name in "abc":
        other.send(name)
    other.pool.abandon()
    assert other.answers == {"a": None, "b": None, "c": None}


def test_a_pool_is_full_when_its_requests_have_too_many_bytes(other: Other) -> None:
    errand = other.send("a")
    assert not other.pool.is_full
    other.send("b" * 100)
    assert other.pool.is_full
    other.pool.cancel(errand)
    other.pool.abandon()
    assert not other.pool.is_full


def test_only_the_largest_unfinished_answer_is_read_on_if_all_take_too_much_memory(other: Other) -> None:
    socks = {}
    for name in "ab":
        other.send(name)
        socks[name] = other.accept()
        take(socks[name])
    socks["a"].sendall(OK % (900, b"a" * 600))
    other.loop.step()
    socks["b"].sendall(OK % (900, b"b" * 500))
    other.loop.step()
    socks["b"].sendall(b"b" * 400)
    other.loop.step()
    assert other.loop.selector.select(0) == []
    assert other.answers == {}
    socks["a"].sendall(b"a" * 300)
    assert body(other.until("a")) == b"a" * 900
    assert body(other.until("b")) == b"b" * 900


def test_a_request_is_encoded_without_the_headers_of_its_connection() -> None:
    headers = {
        "host": "ml.example",
        "content-length": "9",
        "connection": "close",
        "expect": "100-continue",
        "x-id": "7",
    }
    request = Request("POST", "/v2/models/a b/infer", "x=%20", headers, b"{}")
    assert encoded(request, x_lading_shadow="1") == (
        b"POST /v2/models/a%20b/infer?x=%20 HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\nx-id: 7\r\n"
        b"x-lading-shadow: 1\r\n\r\n{}"
    )
