"""The listeners: a CONNECT proxy that terminates TLS, and plain HTTP on loopback. One thread per connection."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import h11

from .certificates import Authority
from .messages import Answer, HangUp, Head
from .wire import Body, Wire

App = Callable[[Head, Body], Answer]
OVER = (OSError, ssl.SSLError, h11.RemoteProtocolError, h11.LocalProtocolError, HangUp)


class Listener(socketserver.ThreadingTCPServer):
    """Accepts connections on its own loopback port, and passes each request to `app`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, app: App, authority: Authority | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.app = app
        self.authority = authority
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(socketserver.BaseRequestHandler):
    server: Listener
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)  # otherwise responses wait for an ACK
        with contextlib.suppress(*OVER):
            self._serve(self.request, Wire(self.request))

    def _serve(self, sock: socket.socket, wire: Wire) -> None:
        while (head := wire.head()) is not None:
            if head.method == "CONNECT":
                wire.accept_tunnel()
                self._tunnel(sock, head.target.rpartition(":")[0])
                return
            if not wire.send(self.server.app(_to_origin(head), wire.body())):
                return

    def _tunnel(self, sock: socket.socket, host: str) -> None:
        if self.server.authority is None:
            raise HangUp
        with self.server.authority.context(host).wrap_socket(sock, server_side=True) as inner:
            self._serve(inner, Wire(inner, host))


def _to_origin(head: Head) -> Head:
    """A plain request through a proxy has its host in the target."""
    if head.target.startswith("/"):
        return head
    url = urlsplit(head.target)
    return replace(head, host=url.netloc, target=url._replace(scheme="", netloc="").geturl())
