"""The client that knows the certificate of a service, with servers that end their answers in odd ways."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest
from tests.waiting import LIMIT

from lading_serving.pinned import send
from lading_serving.scrape import figures

HEAD = b"HTTP/1.1 200 OK\r\n"
ENDS = {
    b"": "it closed the connection without an answer",
    b"hello\r\n\r\n": "it answered with bytes that are not HTTP: ",
    HEAD + b"content-length: 9\r\n\r\n[1]": "its answer has ended too early",
    HEAD + b"transfer-encoding: chunked\r\n\r\n9\r\n[1]": "its answer has ended too early",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.settimeout(LIMIT)
        yield found


def answer_with(listener: socket.socket, data: bytes) -> str:
    """Answer one request with these bytes. Returns the address."""

    def serve() -> None:
        with closing(listener.accept()[0]) as sock:
            sock.recv(65536)
            sock.sendall(data)

    Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/score"


@pytest.mark.parametrize("data", ENDS)
def test_an_answer_that_is_not_whole_is_reported_by_its_end(listener: socket.socket, data: bytes) -> None:
    uri = answer_with(listener, data)
    with pytest.raises(OSError, match=ENDS[data]):
        send(uri, None, {}, key="", certificate="", timeout=LIMIT)


@pytest.mark.parametrize("data", list(ENDS)[:2])
def test_figures_that_do_not_arrive_can_be_asked_for_again(listener: socket.socket, data: bytes) -> None:
    with pytest.raises(OSError, match=ENDS[data]):
        figures(answer_with(listener, data))
