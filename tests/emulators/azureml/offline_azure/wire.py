"""HTTP/1.1 on one accepted socket, with h11."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import h11

from .messages import Answer, HangUp, Head

CHUNK = 1 << 16
PIECES = 8  # of a response that is sent slowly
Received = h11.Event | type[h11.PAUSED] | type[h11.NEED_DATA]


class Body:
    """The body of the current request. It is read on demand."""

    def __init__(self, receive: Callable[[], Received]) -> None:
        self._receive = receive

    def read(self, limit: int | None = None) -> bytes:
        """The whole body, or the first `limit` bytes and a little more."""
        received = bytearray()
        while limit is None or len(received) < limit:
            event = self._receive()
            if isinstance(event, h11.Data):
                received += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                raise HangUp
        return bytes(received)


class Wire:
    """The server's end of a connection."""

    def __init__(self, sock: socket.socket, host: str = "") -> None:
        self._socket = sock
        self._host = host
        self._parser = h11.Connection(h11.SERVER)
        self._method = ""

    def head(self) -> Head | None:
        """The next request, or None at the end of the connection."""
        event = self._receive()
        if not isinstance(event, h11.Request):
            return None
        self._method = event.method.decode()
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in event.headers}
        return Head(self._method, self._host or headers.get("host", ""), event.target.decode(), headers)

    def body(self) -> Body:
        return Body(self._receive)

    def send(self, answer: Answer) -> bool:
        """Write the response. Returns whether another request may follow."""
        headers = {"Content-Length": str(len(answer.body)), **answer.headers}
        parts: list[h11.Event] = [h11.Response(status_code=answer.status, headers=list(headers.items()))]
        if answer.body and self._method != "HEAD":
            parts.append(h11.Data(data=answer.body))
        parts.append(h11.EndOfMessage())
        self._send(b"".join(self._parser.send(part) or b"" for part in parts), answer.seconds)
        if self._parser.our_state is not h11.DONE or self._parser.their_state is not h11.DONE:
            return False
        self._parser.start_next_cycle()
        return True

    def _send(self, content: bytes, seconds: float) -> None:
        """Send in one piece, or in several that take so many seconds together."""
        size = len(content) // PIECES + 1 if seconds else len(content)
        for start in range(0, len(content), size):
            self._socket.sendall(content[start : start + size])
            time.sleep(seconds / PIECES)

    def accept_tunnel(self) -> None:
        """Answer CONNECT. The client then uses the socket directly."""
        self.body().read()
        self._socket.sendall(self._parser.send(h11.Response(status_code=200, headers=[])) or b"")

    def _receive(self) -> Received:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            if self._parser.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._socket.sendall(self._parser.send(go_on) or b"")
            self._parser.receive_data(self._socket.recv(CHUNK))
        return event
