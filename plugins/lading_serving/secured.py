"""A client connection with TLS, which a server uses like a socket that does not block.

The handshake happens while the first bytes are read. So it belongs to the loop of the server, and a client that is slow
or silent holds nothing but its place among the connections.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

from .messages import failure

_RECORD = 16 * 1024  # bytes; one record of TLS has at most as many
_PLAIN = failure(400, "this address answers HTTPS: write https:// in place of http://").encode(
    with_body=True, close=True
)
_MUST_WAIT = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Secured:
    """The decrypted side of a connection. Reading at least 16 KiB at a time leaves no bytes that no event announces."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def fileno(self) -> int:
        return self._sock.fileno()

    def recv(self, size: int) -> bytes:
        """Decrypted bytes; none at the end. Raises BlockingIOError before a whole record or the handshake is there."""
        try:
            return self._sock.recv(size)
        except _MUST_WAIT:
            raise BlockingIOError from None
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                self._answer_plainly()
            raise

    def send(self, data: bytes | memoryview) -> int:
        """Send as many records as the system takes. After BlockingIOError, the same bytes have to be sent."""
        sent, rest = 0, memoryview(data)
        while sent < len(rest):
            try:
                sent += self._sock.send(rest[sent : sent + _RECORD])
            except _MUST_WAIT:
                if not sent:
                    raise BlockingIOError from None
                break
        return sent

    def shutdown(self, how: int) -> None:
        """Announce the end of the bytes."""
        self._end_tls()
        self._sock.shutdown(how)

    def close(self) -> None:
        self._end_tls()
        self._sock.close()

    def _end_tls(self) -> None:
        """Send the notice that ends TLS, if a handshake was done. The client need not answer it."""
        with suppress(OSError, ValueError):
            self._sock.unwrap()

    def _answer_plainly(self) -> None:
        """Answer a client that has sent HTTP without TLS."""
        with suppress(OSError):
            socket.socket.recv(self._sock, _RECORD)  # unread bytes could cost the client the answer
            socket.socket.send(self._sock, _PLAIN)
