"""The event loop of a worker: accepts, gives every connection its turn, lets time pass, drains.

It is synchronous on purpose: `run` is called in the main thread, one request at a time, and a script may start an
asyncio loop of its own, as it may on Azure ML's server.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from .connection import Connection
from .hosts import Hosts
from .logs import Recurring
from .memory import return_memory
from .messages import Request, Response
from .spec import Limits

_TICK = 0.25
_BODIES = 4  # largest bodies: what all that are still arriving may take together
_SPARED = 16  # descriptors that are freed at once, so that the scoring script, too, can open a file
_LULL = 1.0  # seconds without a request: the next one may be on its way to a connection that was idle for less
_UNSENT = 128 * 1024  # bytes that the kernel keeps of an answer beside what is on its way; it takes half of it at once
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Server:
    """Serves `app` on the sockets it is told to accept from, until it is drained."""

    def __init__(self, app: Callable[[Request], Response], limits: Limits) -> None:
        self.answer = app
        self.limits = limits
        self.draining = False
        self.linger = 0.0
        self.arriving = 0  # bytes of bodies that are not whole yet
        self.unread = 0  # bytes of answers that clients have yet to take
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[socket.socket, Callable[[], None]] = {}
        self._is_paused = False
        self._is_swollen = False  # with freed memory that the allocator keeps
        self._connections: dict[Connection, int] = {}
        self._turns: deque[Connection] = deque()
        self._faults = Recurring("an error of the server ended a connection")
        self._shortages = Recurring("out of file descriptors")

    def accept_from(self, listener: socket.socket, host: str = "", names: Collection[str] = ()) -> None:
        """Serve clients of a listening, non-blocking socket, as `host` and `names` (see `Hosts`).

        Once draining, there is no way back.
        """
        if not self.draining and listener not in self._listeners:
            hosts = Hosts(listener.getsockname()[0], host, names)
            self._listeners[listener] = lambda: self._accept(listener, hosts)
            if not self._is_paused:
                self.call_when_readable(listener, self._listeners[listener])

    def call_when_readable(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, callback)

    def drain(self, linger: float) -> None:
        """Accept nobody more, answer what is still asked with `connection: close`, let silent clients go after
        `linger` seconds, and end `run` when the last one is gone.
        """
        self.linger = linger
        if not self.draining:
            self._pause()
            self.draining = True
            for connection in self._connections:
                connection.age = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while self._connections or not self.draining:
            for _ in range(len(self._turns)):
                connection = self._turns.popleft()
                self._guarded(connection.take_turn, connection)
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

    def _guarded(self, action: Callable[..., None], connection: Connection | None = None, *arguments: float) -> None:
        """Run a turn, an event or a tick: an unexpected error ends its connection and nothing else."""
        try:
            action(*arguments)
            if self.arriving > _BODIES * self.limits.max_body or self.unread > self.limits.max_unread:
                self._make_room()
        except Exception as error:
            self._faults.note("".join(traceback.format_exception(error)))
            if connection is not None:
                self._guarded(connection.fail, connection)

    def _make_room(self) -> None:
        """Let the slowest go if bodies that arrive, or answers that wait, take more memory than one worker gives them.

        The largest answer does not count: a script may make one that takes more alone.
        """
        self._is_swollen = True
        while self.arriving > _BODIES * self.limits.max_body:
            _slowest(connection for connection in self._connections if connection.phase == "body").give_way()
        while self.unread - max((each.unread for each in self._connections), default=0) > self.limits.max_unread:
            _slowest(connection for connection in self._connections if connection.unread).give_way()

    def _timeout(self) -> float | None:
        if self._turns:
            return 0
        return _TICK if self._connections or self._is_paused or self._faults.count or self._shortages.count else None

    def _handle(self, target: Connection | Callable[[], None], events: int) -> None:
        if not isinstance(target, Connection):
            self._guarded(target)
        elif target not in self._connections:
            return  # closed by what was handled before it
        elif events & selectors.EVENT_WRITE:
            self._guarded(target.writable, target)
        else:
            self._guarded(target.readable, target)

    def _tick(self, seconds: float) -> None:
        for connection in list(self._connections):
            self._guarded(connection.tick, connection, seconds)
        self._guarded(self._tidy)

    def _tidy(self) -> None:
        self._faults.flush()
        self._shortages.flush()
        if self._is_swollen and not (self.arriving or self.unread):
            self._is_swollen = False
            return_memory()
        if self._is_paused and not self.draining:
            self._resume()

    def _accept(self, listener: socket.socket, hosts: Hosts) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:  # otherwise another worker was first, or the client is gone again
            if error.errno in _EXHAUSTED:
                self._spare(error)
            return
        with suppress(OSError):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        if len(self._connections) >= self.limits.max_connections:
            _slowest([each for each in self._connections if each.is_idle] or self._connections).close()
        connection = Connection(sock, self, hosts)
        self._connections[connection] = 0
        self.watch(connection, reading=True, writing=False)

    def _spare(self, shortage: OSError) -> None:
        """Close the connections that have been idle for the longest; if there are none, accept nobody for a moment."""
        self._shortages.note(str(shortage))
        idle = [connection for connection in self._connections if connection.is_idle and connection.age >= _LULL]
        for connection in sorted(idle, key=lambda connection: -connection.age)[:_SPARED]:
            connection.close()
        if not idle:
            self._pause()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            for listener in self._listeners:
                self._selector.unregister(listener)

    def _resume(self) -> None:
        self._is_paused = False
        for listener, callback in self._listeners.items():
            self.call_when_readable(listener, callback)


def _slowest(connections: Iterable[Connection]) -> Connection:
    return max(connections, key=lambda connection: connection.age)
