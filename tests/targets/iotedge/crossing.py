"""A proxy in front of two emulators, which are proxies too. Calls of the hub go to one, all others to the other."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def crossing(hub: str, others: str) -> Iterator[str]:
    """The address of the proxy. `hub` and `others` are the addresses of the emulators."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline()
            chosen = urlsplit(hub if b".azure-devices.net:" in line else others)
            assert chosen.port is not None
            with socket.create_connection((chosen.hostname, chosen.port)) as upstream:
                upstream.sendall(line)
                back = threading.Thread(target=_pour, args=(upstream, self.connection))
                back.start()
                while data := self.rfile.read1():
                    upstream.sendall(data)
                with suppress(OSError):
                    upstream.shutdown(socket.SHUT_WR)
                back.join()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _pour(source: socket.socket, destination: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            destination.sendall(data)
        destination.shutdown(socket.SHUT_WR)
