"""The event loop of a worker. It accepts connections, gives each its turn, checks time limits, and drains.

It is synchronous on purpose. `run` is called in the main thread, one request at a time. So a script may start its own
asyncio loop, as on Azure ML's server.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from .connection import Connection
from .hosts import Hosts
from .keys import Guard
from .later import Answering, Turn
from .logs import Recurring
from .memory import return_memory
from .pulse import BEAT, Pulse
from .reception import taken
from .recorder import Recorder
from .spec import Limits

if TYPE_CHECKING:
    from .certificate import Certificate

_CHECK_INTERVAL = 0.25
_BODIES = 4  # limit for all incomplete bodies together, as a multiple of `max_body`
_CLOSED_FOR_SCRIPT = 16  # connections that are closed at once, so that the scoring script can open files too
_MIN_IDLE_TIME = 1.0  # seconds; a connection that was idle for less may already have its next request on the way
_SEND_BUFFER = 128 * 1024  # bytes of a response that the kernel buffers beside those in transit; it takes half at once
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Server:
    """Serves `app` on its listening sockets until it has drained."""

    def __init__(
        self,
        app: Answering,
        limits: Limits,
        pulse: Pulse | None = None,
        *,
        guard: Guard | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._app = app
        self.admits: Callable[[Mapping[str, str]], bool] | None = guard.holds_key if guard else None
        self.recorder = recorder or Recorder()
        self._pulse = pulse or Pulse()
        self.limits = limits
        self.draining = False
        self.linger = 0.0
        self.arriving = 0  # bytes of incomplete bodies
        self.unread = 0  # bytes of responses that clients have not read
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[socket.socket, Callable[[], None]] = {}
        self._is_paused = False
        self._is_swollen = False  # whether the allocator holds much freed memory
        self._connections: dict[Connection, int] = {}
        self._turns: deque[Turn] = deque()
        self._regular: list[Callable[[], None]] = []
        self._faults = Recurring("an error of the server ended a connection")
        self._shortages = Recurring("out of file descriptors")

    def accept_from(
        self,
        listener: socket.socket,
        host: str = "",
        names: Collection[str] = (),
        answer: Answering | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """Serve the clients of a listening, non-blocking socket, for `host` and `names` (see `Hosts`).

        They are answered by `answer`, or else by the app, and with TLS if there is a certificate. This has no effect
        after draining has begun.
        """
        hosts = Hosts(listener.getsockname()[0], host, names)
        self._listen_to(listener, lambda: self._accept(listener, hosts, answer or self._app, certificate))

    def take_from(self, queue: socket.socket, hosts: Hosts, answer: Answering | None = None) -> None:
        """Serve the clients that the supervisor has put into a queue, while no worker was free."""
        self._listen_to(queue, lambda: self._take(queue, hosts, answer or self._app))

    def _listen_to(self, source: socket.socket, callback: Callable[[], None]) -> None:
        if not self.draining and source not in self._listeners:
            self._listeners[source] = callback
            if not self._is_paused:
                self.call_when_readable(source, callback)

    def call_when_readable(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        self.attend(sock, selectors.EVENT_READ, callback)

    def attend(self, sock: socket.socket, events: int, callback: Callable[[], None]) -> None:
        """Call back at events of a socket, in place of earlier ones. Without events, this ends."""
        with suppress(KeyError):
            self._selector.unregister(sock)
        if events:
            self._selector.register(sock, events, callback)

    def call_regularly(self, callback: Callable[[], None]) -> None:
        """Call back at least once a second."""
        self._regular.append(callback)

    def drain(self, linger: float) -> None:
        """Stop accepting, and let `run` end when all connections are closed.

        Open requests are answered with `connection: close`. Silent clients are disconnected after `linger` seconds.
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
                turn = self._turns.popleft()
                self._pulse.step()
                self._guarded(turn.take_turn, turn)
            self._pulse.rest()
            ready = self._selector.select(self._timeout())
            self.recorder.queue(max(0, len(ready) + len(self._turns) - 1))
            for key, events in ready:
                self._pulse.step()
                self._handle(key.data, events)
            # The age counts only time in this loop. Time in `run` is not the client's fault.
            if (passed := time.monotonic() - last) >= _CHECK_INTERVAL:
                last += passed
                self._tick(min(passed, _CHECK_INTERVAL))
        self.recorder.flush()

    def wants_turn(self, turn: Turn) -> None:
        self._turns.append(turn)

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

    def _guarded(self, action: Callable[..., None], turn: Turn | None = None, *arguments: float) -> None:
        """Run an action. An unexpected error ends only its connection."""
        try:
            action(*arguments)
            if self.arriving > _BODIES * self.limits.max_body or self.unread > self.limits.max_unread:
                self._make_room()
        except Exception as error:
            self._faults.note("".join(traceback.format_exception(error)))
            if turn is not None:
                self._guarded(turn.fail, turn)

    def _make_room(self) -> None:
        """Close the slowest connections if incomplete bodies or unread responses take too much memory.

        The largest response does not count, because a script may return one that exceeds the limit alone.
        """
        self._is_swollen = True
        while self.arriving > _BODIES * self.limits.max_body:
            _slowest(connection for connection in self._connections if connection.phase == "body").give_way()
        while self.unread - max((each.unread for each in self._connections), default=0) > self.limits.max_unread:
            _slowest(connection for connection in self._connections if connection.unread).give_way()

    def _timeout(self) -> float:
        if self._turns:
            return 0
        return (
            _CHECK_INTERVAL
            if self._connections or self._is_paused or self._faults.count or self._shortages.count
            else BEAT
        )

    def _handle(self, target: Connection | Callable[[], None], events: int) -> None:
        if not isinstance(target, Connection):
            self._guarded(target)
        elif target not in self._connections:
            return  # closed by an earlier event
        elif events & selectors.EVENT_WRITE:
            self._guarded(target.writable, target)
        else:
            self._guarded(target.readable, target)

    def _tick(self, seconds: float) -> None:
        for connection in list(self._connections):
            self._guarded(connection.tick, connection, seconds)
        for callback in (self._tidy, *self._regular):
            self._guarded(callback)

    def _tidy(self) -> None:
        self.recorder.flush()
        self._faults.flush()
        self._shortages.flush()
        if self._is_swollen and not (self.arriving or self.unread):
            self._is_swollen = False
            return_memory()
        if self._is_paused and not self.draining:
            self._resume()

    def _accept(
        self, listener: socket.socket, hosts: Hosts, answer: Answering, certificate: Certificate | None
    ) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:  # another worker was first, or the client has left
            if error.errno in _EXHAUSTED:
                self._free_files(error)
            return
        self._admit(sock, hosts, answer, certificate)

    def _take(self, queue: socket.socket, hosts: Hosts, answer: Answering) -> None:
        try:
            os.close(os.dup(queue.fileno()))  # without a free descriptor, the system would drop the client
        except OSError as error:
            self._free_files(error)
            return
        if sock := taken(queue):
            self._admit(sock, hosts, answer)

    def _admit(
        self, sock: socket.socket, hosts: Hosts, answer: Answering, certificate: Certificate | None = None
    ) -> None:
        with suppress(OSError):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _SEND_BUFFER)
        if len(self._connections) >= self.limits.max_connections:
            _slowest([each for each in self._connections if each.is_idle] or self._connections).close()
        try:
            channel = sock if certificate is None else certificate.secured(sock)
        except OSError:  # the client has left
            sock.close()
            return
        connection = Connection(channel, self, hosts, answer)
        self._connections[connection] = 0
        self.watch(connection, reading=True, writing=False)

    def _free_files(self, shortage: OSError) -> None:
        """Close the connections that were idle for longest. If there are none, stop accepting for a moment."""
        self._shortages.note(str(shortage))
        idle = [
            connection for connection in self._connections if connection.is_idle and connection.age >= _MIN_IDLE_TIME
        ]
        for connection in sorted(idle, key=lambda connection: -connection.age)[:_CLOSED_FOR_SCRIPT]:
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
