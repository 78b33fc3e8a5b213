"""A connection with TLS that the supervisor has accepted in place of a worker, and the limit for its client."""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tests.plugins.serving.tls_kit import Pair, make_pair, trusting
from tests.waiting import LIMIT, eventually

from lading_serving import relay as module
from lading_serving.certificate import Certificate
from lading_serving.hosts import Hosts
from lading_serving.listeners import listen
from lading_serving.reception import Reception, taken
from lading_serving.recorder import Recorder

REQUEST = b"POST /score HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n1"


class Loop:
    """The loop of a supervisor."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        self.attend(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd: int) -> None:
        with suppress(KeyError):
            self.selector.unregister(fd)

    def attend(self, fd: int, events: int, callback: Callable[[], None]) -> None:
        self.unwatch(fd)
        if events:
            self.selector.register(fd, events, callback)

    def step(self) -> None:
        for key, _ in self.selector.select(0):
            key.data()


class Received:
    """A reception with TLS, one client that has sent a request, and the worker's end of its connection."""

    def __init__(self, pair: Pair, listener: socket.socket) -> None:
        self._listener, self._certificate = listener, Certificate(*pair)
        self.loop = Loop()
        self.reception = Reception(self.loop)
        self.tend()
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(self._ask, pair)
            self.worker = eventually(self._taken, "the connection is in the queue")
            self.client = asking.result()
        assert eventually(lambda: self.worker.recv(1000), "the request arrives") == REQUEST

    def tend(self) -> None:
        hosts, certificate = Hosts("127.0.0.1"), self._certificate
        self.reception.open(
            self._listener, hosts, "", Recorder(), figures=lambda _request: None, certificate=certificate
        )

    def answer_until_the_client_should_read(self) -> None:
        """Answer more bytes than all buffers take."""
        self.worker.setblocking(False)
        for _ in range(1000):
            with suppress(BlockingIOError):
                while self.worker.send(bytes(65536)):
                    pass
            self.loop.step()

    def close(self) -> None:
        for each in (self.worker, self.client, *self.reception._pair):
            each.close()
        for relay in list(self.reception._relays):
            relay.close()
        self.loop.selector.close()

    def _ask(self, pair: Pair) -> ssl.SSLSocket:
        sock = socket.create_connection(self._listener.getsockname(), timeout=LIMIT)
        secured = trusting(pair).wrap_socket(sock, server_hostname="localhost")
        secured.sendall(REQUEST)
        return secured

    def _taken(self) -> socket.socket | None:
        self.loop.step()
        return taken(self.reception.queue)


@pytest.fixture
def received(tmp_path: Path) -> Iterator[Received]:
    with listen("127.0.0.1", 0) as listener:
        made = Received(make_pair(tmp_path), listener)
        yield made
        made.close()


@pytest.mark.parametrize("accepts", [True, False])
def test_a_client_that_does_not_read_is_closed_after_the_time_limit(
    received: Received, monkeypatch: pytest.MonkeyPatch, *, accepts: bool
) -> None:
    received.answer_until_the_client_should_read()
    received.worker.close()
    tend = received.tend if accepts else received.reception.close
    tend()
    assert len(received.reception._relays) == 1
    assert received.reception.next_due() < float("inf")
    monkeypatch.setattr(module, "_WRITE_TIMEOUT", 0.0)
    tend()
    assert received.reception._relays == set()
    assert received.reception.next_due() == float("inf")


def test_a_client_that_waits_for_its_answer_has_no_time_limit(
    received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_TIMEOUT", 0.0)
    assert received.reception.next_due() == float("inf")
    received.tend()
    received.worker.sendall(b"answer")
    received.loop.step()
    assert received.client.recv(6) == b"answer"
