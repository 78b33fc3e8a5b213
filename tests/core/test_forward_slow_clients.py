"""A client of `lading forward` that sends slowly does not keep others waiting for ever."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.waiting import LIMIT

from lading.model import InvokeAnswer, Secret
from lading.python import forwarding

TIME = 2.0  # seconds that a client has; the others of this test need much less


@dataclass(frozen=True)
class Endpoint:
    key: Secret | None = None

    def relay(self, body: bytes | None) -> InvokeAnswer:
        return InvokeAnswer(status=200, body=b"" if body is None else body, headers={})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port with one slot, whose service answers with the body of the request."""
    monkeypatch.setattr(forwarding, "_CLIENT_TIMEOUT", TIME)
    monkeypatch.setattr(forwarding, "_AT_ONCE", 1)
    server = forwarding._Server(cast("Any", SimpleNamespace()), cast("Any", Endpoint()), 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(LIMIT)
    server.server_close()


@contextmanager
def trickling(port: int, begin: str) -> Iterator[list[bytes]]:
    """A client that sends one byte after the other until it is answered. Yields the list that gets the answer."""
    found: list[bytes] = []
    client = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    client.sendall(begin.encode())

    def send() -> None:
        while not select.select([client], [], [], TIME / 50)[0]:
            with suppress(OSError):  # the answer is on its way
                client.sendall(b"1")
        found.append(client.recv(4096))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield found
    thread.join(LIMIT)
    client.close()


def ask(port: int) -> tuple[int, bytes]:
    client = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    client.request("POST", "/score", b"[3]")
    answer = client.getresponse()
    return answer.status, answer.read()


def test_a_slow_body_frees_its_slot(port: int) -> None:
    head = f"POST /score HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000000\r\n\r\n"
    with trickling(port, head) as found:
        assert ask(port) == (200, b"[3]")
    assert found[0].startswith(b"HTTP/1.1 408 ")


def test_a_slow_head_ends_the_connection(port: int) -> None:
    with trickling(port, "POST /score HTTP/1.1\r\nHost: ") as found:
        assert ask(port) == (200, b"[3]")
    assert found == [b""]
