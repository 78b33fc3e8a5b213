"""The connection of one HTTP request, which another thread can close."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.request import (
    AbstractHTTPHandler,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    build_opener,
)

_LOOPBACK = ("127.", "localhost", "[::1]")


class Wire:
    """The socket of a request, as soon as it is connected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._is_closed = False

    def connected(self, sock: socket.socket) -> None:
        with self._lock:
            self._sock = sock
            if self._is_closed:
                _shut(sock)

    def close(self) -> None:
        """End each read of the answer, now and later."""
        with self._lock:
            self._is_closed = True
            if self._sock is not None:
                _shut(self._sock)


def opener(host: str, wire: Wire) -> OpenerDirector:
    """Opens one request to a host, whose socket `wire` gets. Redirects are answers."""
    # A proxy for outside addresses cannot reach this machine's loopback address.
    proxies = [ProxyHandler({})] if host.startswith(_LOOPBACK) else []
    return build_opener(_Plain(wire), _Secured(wire), _Unfollowed, *proxies)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # the other side has closed it
        sock.shutdown(socket.SHUT_RDWR)


class _Unfollowed(HTTPRedirectHandler):
    """A redirect is the answer: another host must not get the key, and a redirected POST would become a GET."""

    def redirect_request(self, *_redirect: Any) -> None:
        return None


class _Wired(AbstractHTTPHandler):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def do_open(self, http_class: Any, req: Any, **settings: Any) -> Any:
        def connection(*place: Any, **more: Any) -> Any:
            made = http_class(*place, **more)
            connect = made.connect

            def connected() -> None:
                connect()
                self._wire.connected(made.sock)

            made.connect = connected
            return made

        return super().do_open(connection, req, **settings)


class _Plain(_Wired, HTTPHandler):
    pass


class _Secured(_Wired, HTTPSHandler):
    pass
