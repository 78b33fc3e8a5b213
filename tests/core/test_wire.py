"""Connections and keys of requests: a late exchange is closed, and a key that cannot be sent is not quoted."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, cast

import pytest
from tests.waiting import LIMIT

from lading import Deployment, InvokeAnswer, StageFailed, Transient
from lading.engine.release.endpoint import Endpoint
from lading.engine.release.scoring import ask
from lading.model import InvokeRequest, Secret
from lading.python.forwarding import _Server

DEPLOYMENT: Deployment[Any] = Deployment(service="price", target="private", options=cast("Any", None))
BODY = b'{"data": [[3]]}'


def drip(listener: socket.socket) -> None:
    """Answer with a header that never ends, until the connection is closed."""
    with listener.accept()[0] as sock, suppress(OSError):
        sock.sendall(b"HTTP/1.1 200 OK\r\nx-note: ")
        while True:
            sock.sendall(b"y")
            time.sleep(0.01)


def test_an_exchange_that_is_late_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = threading.Thread(target=drip, args=[listener], daemon=True)
        service.start()
        with pytest.raises(Transient, match="does not answer within"):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}/score", b"1", timeout=1)
        service.join(LIMIT)
    assert not service.is_alive()


@pytest.mark.parametrize("key", ["hidden\nkey", "hidden\r\n key", "hidden-kéy"])
def test_a_key_that_cannot_be_sent_is_not_quoted(key: str) -> None:
    uri = "http://127.0.0.1:1/score"
    invoked = Endpoint(deployment=DEPLOYMENT, uri=uri, key=Secret(key), invoke=lambda _request: None)
    sends: list[Callable[[], object]] = [lambda: ask(uri, b"1", key=Secret(key)), lambda: invoked.ask(b"1")]
    for send in sends:
        with pytest.raises(StageFailed, match=r"the key of http://127\.0\.0\.1:1/score cannot be sent") as caught:
            send()
        assert "hidden" not in f"{caught.value.message} {caught.value.hint}"


@contextmanager
def forwarding(headers: Mapping[str, str] | None = None) -> Iterator[_Server]:
    """A forwarded port, whose service answers each request with the same headers."""

    def invoke(_request: InvokeRequest[Any]) -> InvokeAnswer:
        return InvokeAnswer(status=200, body=b"[21]", headers=headers or {})

    with _Server(cast("Any", None), Endpoint(deployment=DEPLOYMENT, uri="private", invoke=invoke), 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_forwarded_request_that_waits_for_others_is_not_read() -> None:
    large = 15 << 20
    with forwarding() as server, ExitStack() as others:
        for _ in range(32):
            others.enter_context(server.slots)
        head = f"POST /score HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nContent-Length: {large}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.server_port)) as client:
            client.setblocking(False)
            sent = client.send(head.encode())
            for _ in range(3):  # a server that reads makes room meanwhile
                with suppress(BlockingIOError):
                    while sent < large:
                        sent += client.send(b"1" * 65536)
                time.sleep(0.3)
        assert sent < large


@pytest.mark.parametrize(
    ("value", "sent"), [("price", "price"), ("naïve", "naïve"), ("5 €", "5 €".encode().decode("latin-1"))]
)
def test_a_header_of_any_text_is_forwarded(value: str, sent: str) -> None:
    with forwarding({"x-note": value}) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=LIMIT)
        client.request("POST", "/score", BODY)
        answer = client.getresponse()
        assert (answer.status, answer.headers["x-note"], answer.read()) == (200, sent, b"[21]")


def test_a_forwarded_key_on_two_lines_is_refused() -> None:
    with forwarding() as server:
        head = f"POST /score HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nContent-Length: 1\r\n"
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=LIMIT) as client:
            client.sendall(f"{head}Authorization: Bearer one\r\n two\r\n\r\n1".encode())
            answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
