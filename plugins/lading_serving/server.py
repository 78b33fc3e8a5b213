"""The event loop of a worker: accepts, gives every connection its turn, lets time pass, drains.

It is synchronous on purpose: `run` is called in the main thread, one request at a time, and a script may start an
asyncio loop of its own, as it may on Azure ML's server.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from .connection import Connection
from .messages import Request, Response
from .spec import Limits

_TICK = 0.25
_BODIES = 4  # largest bodies: what all that are still arriving may take together


class Server:
    """Serves `app` on the sockets it is told to accept from, until it is drained."""

    def __init__(self, app: Callable[[Request], Response], limits: Limits) -> None:
        self.answer = app
        self.limits = limits
        self.draining = False
        self.linger = 0.0
        self.arriving = 0  # bytes of bodies that are not whole yet
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._connections: dict[Connection, int] = {}
        self._turns: deque[Connection] = deque()

    def accept_from(self, listener: socket.socket) -> None:
        """Serve clients of a listening, non-blocking socket. Once draining, there is no way back."""
        if not self.draining and listener not in self._listeners:
            self._listeners.append(listener)
            self.call_when_readable(listener, lambda: self._accept(listener))

    def call_when_readable(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, callback)

    def drain(self, linger: float) -> None:
        """Accept nobody more, answer what is still asked with `connection: close`, let silent clients go after
        `linger` seconds, and end `run` when the last one is gone.
        """
        self.linger = linger
        if not self.draining:
            self.draining = True
            for listener in self._listeners:
                self._selector.unregister(listener)
            for connection in self._connections:
                connection.age = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while self._connections or not self.draining:
            for _ in range(len(self._turns)):
                self._turns.popleft().take_turn()
            for key, events in self._selector.select(self._timeout()):
                self._handle(key.data, events)
            # Ages count time of this loop: a client is not to blame for what it sent while `run` kept the loop.
            if (passed := time.monotonic() - last) >= _TICK:
                last += passed
                self._tick(min(passed, _TICK))

    def wants_turn(self, connection: Connection) -> None:
        self._turns.append(connection)

    def watch(self, connection: Connection, *, reading: bool, writing: bool) -> None:
        events = selectors.EVENT_READ * reading | selectors.EVENT_WRITE * writing
        known = self._connections[connection]
        if events == known:
            return
        if not known:
            self._selector.register(connection.sock, events, connection)
        elif events:
            self._selector.modify(connection.sock, events, connection)
        else:
            self._selector.unregister(connection.sock)
        self._connections[connection] = events

    def forget(self, connection: Connection) -> None:
        if self._connections.pop(connection, 0):
            self._selector.unregister(connection.sock)

    def make_room(self) -> None:
        """Let the slowest go where the bodies that are arriving take more memory than one worker gives them."""
        while self.arriving > _BODIES * self.limits.max_body:
            bodies = [connection for connection in self._connections if connection.phase == "body"]
            max(bodies, key=lambda connection: connection.age).give_way()

    def _timeout(self) -> float | None:
        if self._turns:
            return 0
        return _TICK if self._connections else None

    def _handle(self, target: Connection | Callable[[], None], events: int) -> None:
        if not isinstance(target, Connection):
            target()
        elif target not in self._connections:
            return  # closed by what was handled before it
        elif events & selectors.EVENT_WRITE:
            target.writable()
        else:
            target.readable()

    def _tick(self, seconds: float) -> None:
        for connection in list(self._connections):
            connection.tick(seconds)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # another worker was first, or the client is gone again
            sock, _ = listener.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(self._connections) >= self.limits.max_connections:
                max(self._connections, key=lambda connection: connection.age).close()
            connection = Connection(sock, self)
            self._connections[connection] = 0
            self.watch(connection, reading=True, writing=False)
