"""The supervisor as a receptionist: it answers health checks while no worker of the service can.

It accepts on the public socket, and reads a request without taking it from the socket. A health check is answered, and
so is Lading's own question for the figures, because a service must be watched above all when it is busy. Any other
connection is put into a queue, unread, and the first worker that is free takes it from there. So a request waits
for a worker as it would in the backlog of the socket. If too many wait, others are refused with 503, because it has to
accept each connection to find the health checks.
"""

from __future__ import annotations

import math
import os
import resource
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from .hosts import Hosts
from .messages import Refused, Request, Response, failure
from .replies import head_of, reply
from .spec import Limits

if TYPE_CHECKING:
    from .certificate import Certificate
    from .recorder import Recorder
    from .relay import Relay

_MOST_HELD = 64  # silent connections; with more, the oldest goes to the queue
_MOST_WAITING = 1024  # connections beside those that the queue holds
_SILENCE = Limits().head_timeout  # seconds until a silent connection is closed
_HEAD = 8192  # bytes
_READ_AT_ONCE = 1024 * 1024  # bytes of a request that is refused; unread ones could cost the client the answer
_PAUSE = 0.5  # seconds without accepting, after the system had no file descriptor
_AGAIN = 0.1  # seconds until the next attempt to put a connection into the full queue
_METHODS, _PATHS, _VERSIONS = (b"GET", b"HEAD"), (b"/", b"/metrics"), (b"HTTP/1.1", b"HTTP/1.0")
_HAS_LEFT = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR
_HTML = ("content-type", "text/html; charset=utf-8")


Figures = Callable[[Request], Response | None]
"""Gives the figures to a request that may read them; None for any other request."""


class Loop(Protocol):
    """The parts of the supervisor's loop that a reception needs."""

    def watch(self, fd: int, callback: Callable[[], None]) -> None: ...

    def unwatch(self, fd: int) -> None: ...

    def attend(self, fd: int, events: int, callback: Callable[[], None]) -> None: ...


class Reception:
    """Accepts connections while it is open."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._listener: socket.socket | None = None
        self._certificate: Certificate | None = None
        self._relays: set[Relay] = set()
        self._watched = -1  # the number of the listener, which may be closed by now
        self._hosts = Hosts("127.0.0.1")
        self._trouble = ""
        self._recorder: Recorder
        self._figures: Figures
        self._held: dict[socket.socket, float] = {}  # with the time when each is closed
        self._waiting: deque[socket.socket] = deque()  # the queue was full
        files = _most_files()
        self._most_held = min(_MOST_HELD, files // 4)
        self._most_waiting = min(_MOST_WAITING, files // 2)
        self._most_relays = self._most_waiting // 2
        self._paused_until = 0.0

    @property
    def queue(self) -> socket.socket:
        """The end of the queue that the workers read."""
        return self._pair[1]

    @cached_property
    def _pair(self) -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair()
        for sock in pair:
            sock.setblocking(False)
        return pair

    def next_due(self) -> float:
        """The time of the next call of `open` or `close`, on the monotonic clock."""
        again = time.monotonic() + _AGAIN if self._waiting else math.inf
        dues = [*self._held.values(), *(relay.due for relay in self._relays)]
        return min(again, self._paused_until or math.inf, *dues)

    def open(
        self,
        listener: socket.socket,
        hosts: Hosts,
        trouble: str,
        recorder: Recorder,
        *,
        figures: Figures,
        certificate: Certificate | None = None,
    ) -> None:
        """Accept on a listening socket, with TLS if there is a certificate. Health checks get `trouble` with 503, or
        are answered as healthy if it is empty.
        """
        self._trouble, self._recorder, self._certificate, self._figures = trouble, recorder, certificate, figures
        if listener is not self._listener:
            self.close()
            self._listener, self._hosts = listener, hosts
        self._forward()
        self._close_silent()
        self._look_at_listener()

    def close(self) -> None:
        """Accept no more. Connections that are held go to the queue."""
        self._listener = None
        self._look_at_listener()
        while self._held:
            self._hand_over(self._oldest)
        self._forward()
        self._close_silent()

    @property
    def _oldest(self) -> socket.socket:
        return next(iter(self._held))

    def _close_silent(self) -> None:
        while self._held and self._held[self._oldest] <= time.monotonic():
            sock = self._oldest
            self._release(sock)
            sock.close()
        for relay in [each for each in self._relays if each.due <= time.monotonic()]:
            relay.close()

    def _look_at_listener(self) -> None:
        """Watch the listener, unless nothing can be accepted now."""
        if time.monotonic() >= self._paused_until:
            self._paused_until = 0.0
        number = self._listener.fileno() if self._listener and not self._paused_until else -1
        if number == self._watched:
            return
        if self._watched >= 0:
            self._loop.unwatch(self._watched)
        if number >= 0:
            self._loop.watch(number, self._accept)
        self._watched = number

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:  # a worker was first
            return
        except OSError:
            self._paused_until = time.monotonic() + _PAUSE
            self._look_at_listener()
            return
        sock.setblocking(False)
        if self._certificate is None:
            self._hold(sock)
        elif plain := self._decrypted(sock, self._certificate):
            self._hold(plain)

    def _hold(self, sock: socket.socket) -> None:
        self._held[sock] = time.monotonic() + _SILENCE
        self._loop.watch(sock.fileno(), lambda: self._read(sock))
        if len(self._held) > self._most_held:
            self._enqueue(self._oldest)

    def _decrypted(self, sock: socket.socket, certificate: Certificate) -> socket.socket | None:
        """The plain side of a connection with TLS. None, and the connection is closed, if there are too many."""
        from .relay import Relay

        with sock, suppress(OSError):  # the client has left, or the system has no file descriptor
            if len(self._relays) < self._most_relays:
                relay = Relay(certificate.secured(sock), self._loop, self._relays.discard)
                self._relays.add(relay)
                return relay.plain
        return None

    def _read(self, sock: socket.socket) -> None:
        if sock not in self._held:
            return
        try:
            head = sock.recv(_HEAD, socket.MSG_PEEK)
        except OSError:
            head = b""
        path = _plain_path(head, self._hosts)
        response = self._answer(path, head) if path else None
        if head and response is None:
            self._enqueue(sock)
            return
        self._release(sock)
        with sock:
            if response:
                reply(sock, response, len(head), self._recorder, is_silent=path != b"/")

    def _answer(self, path: bytes, head: bytes) -> Response | None:
        """The answer to a plain request. None if a worker has to give it."""
        if path != b"/":
            return self._figures(head_of(head))
        return failure(503, self._trouble) if self._trouble else Response(200, b"Healthy", [_HTML])

    def _release(self, sock: socket.socket) -> None:
        self._loop.unwatch(sock.fileno())
        del self._held[sock]

    def _enqueue(self, sock: socket.socket) -> None:
        """Let a connection wait for a worker, or refuse it if too many wait."""
        if len(self._waiting) >= self._most_waiting:
            self._drop_left()
        if len(self._waiting) < self._most_waiting:
            self._hand_over(sock)
            return
        self._release(sock)
        with sock:
            reply(sock, failure(503, "too many requests wait for a worker"), _READ_AT_ONCE, self._recorder)

    def _drop_left(self) -> None:
        """Close the waiting connections whose clients send no more, which have most likely left."""
        poll = select.poll()
        for sock in self._waiting:
            poll.register(sock, _HAS_LEFT)
        left = {number for number, _ in poll.poll(0)}
        for sock in [each for each in self._waiting if each.fileno() in left]:
            self._waiting.remove(sock)
            sock.close()

    def _hand_over(self, sock: socket.socket) -> None:
        self._release(sock)
        self._waiting.append(sock)
        self._forward()

    def _forward(self) -> None:
        while self._waiting:
            try:
                socket.send_fds(self._pair[0], [b"\0"], [self._waiting[0].fileno()])
            except OSError:  # the queue is full
                return
            self._waiting.popleft().close()


def _most_files() -> int:
    """The number of files that this process may open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 4 * _MOST_WAITING if limit == resource.RLIM_INFINITY else limit


def taken(queue: socket.socket) -> socket.socket | None:
    """The next connection of a queue. None if another worker was first."""
    try:
        _, files, _, _ = socket.recv_fds(queue, 1, 1)
    except OSError:
        return None
    for file in files:
        os.set_inheritable(file, False)
        return socket.socket(fileno=file)
    return None


def _plain_path(head: bytes, hosts: Hosts) -> bytes:
    """The path of a complete and plain request that the supervisor may answer. Empty for every other request, which a
    worker has to judge.
    """
    start, *fields = head.split(b"\r\n")
    method, _, rest = start.partition(b" ")
    path, _, version = rest.partition(b" ")
    names = [field.partition(b":")[0].strip().lower() for field in fields]
    if not head.endswith(b"\r\n\r\n") or method not in _METHODS or version not in _VERSIONS or path not in _PATHS:
        return b""
    if head.count(b"\r\n\r\n") > 1 or names.count(b"host") != 1 or {b"content-length", b"transfer-encoding"} & {*names}:
        return b""
    with suppress(Refused):
        hosts.check(fields[names.index(b"host")].partition(b":")[2].decode("latin-1"))
        return path
    return b""
