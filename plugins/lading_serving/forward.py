"""Requests to another worker on this machine: a pool of connections, each with one request at a time.

It belongs to the loop of the server, so an answer that takes long delays no other connection.
"""

from __future__ import annotations

import selectors
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from errno import EINPROGRESS
from typing import Protocol

import httptools

from .encoding import HOST
from .messages import Response

_READ = 256 * 1024  # limit in bytes for one read
_OF_THE_SENDER = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding"})


class Loop(Protocol):
    """The parts of a server that a pool needs."""

    def attend(self, sock: socket.socket, events: int, callback: Callable[[], None]) -> None: ...


class Errand:
    """A request to the worker behind a port. `done` is called with the answer, or with None if there will be none."""

    def __init__(self, port: int, data: bytes, done: Callable[[Response | None], None]) -> None:
        self.port = port
        self.data = data
        self.done = done
        self.link: Link | None = None


class Pool:
    """Sends errands over at most `size` connections. More errands wait, within `max_bytes` of all requests together.

    If the unfinished answers exceed `max_unread` bytes, only the largest is read on.
    """

    def __init__(self, loop: Loop, size: int, max_bytes: int, max_unread: int) -> None:
        self.loop = loop
        self._arriving = 0  # bytes of unfinished answers
        self._size = size
        self._max_bytes = max_bytes
        self._max_unread = max_unread
        self._bytes = 0
        self._errands: dict[Errand, None] = {}
        self._waiting: deque[Errand] = deque()
        self._idle: list[Link] = []
        self._links: set[Link] = set()
        self._parked: list[Link] = []

    @property
    def is_full(self) -> bool:
        """Whether no more errands should be added."""
        return self._bytes > self._max_bytes

    def send(self, errand: Errand) -> None:
        """Send an errand as soon as a connection is free."""
        self._errands[errand] = None
        self._bytes += len(errand.data)
        self._waiting.append(errand)
        self._assign()

    def cancel(self, errand: Errand) -> None:
        """Abandon an errand. Its `done` is not called."""
        if not self._forget(errand):
            return
        if errand.link:
            errand.link.close()
            self._assign()
        else:
            self._waiting.remove(errand)

    def close_idle(self, port: int = 0) -> None:
        """Close the unused connections, except for those to `port`."""
        for link in [each for each in self._idle if each.port != port]:
            link.close()

    def abandon(self) -> None:
        """Give up all errands."""
        self._waiting.clear()
        for link in list(self._links):
            link.close()
        for errand in list(self._errands):
            self.finish(errand, None)

    def finish(self, errand: Errand, response: Response | None) -> None:
        """End an errand, after its connection has got the next one."""
        if self._forget(errand):
            self._assign()
            errand.done(response)

    def send_again(self, errand: Errand) -> None:
        """Send an errand over a new connection, because a used one was closed just before."""
        errand.link = None
        self.close_idle()
        self._waiting.appendleft(errand)
        self._assign()

    def rest(self, link: Link) -> None:
        self._idle.append(link)

    def drop(self, link: Link) -> None:
        self._links.discard(link)
        with suppress(ValueError):
            self._idle.remove(link)

    def may_read(self, link: Link) -> bool:
        """Whether a connection may read on. If not, it is resumed when another one has finished."""
        if self._arriving <= self._max_unread or link.size == max(each.size for each in self._links):
            return True
        self._parked.append(link)
        return False

    def account(self, change: int) -> None:
        """Add to the bytes of unfinished answers. If they become fewer, the parked connections read again."""
        self._arriving += change
        if change < 0:
            parked, self._parked = self._parked, []
            for link in parked:
                link.watch()

    def _forget(self, errand: Errand) -> bool:
        if errand not in self._errands:
            return False
        del self._errands[errand]
        self._bytes -= len(errand.data)
        return True

    def _assign(self) -> None:
        while self._waiting:
            link = self._free(self._waiting[0].port)
            if link is None:
                return
            link.carry(self._waiting.popleft())

    def _free(self, port: int) -> Link | None:
        self.close_idle(port)
        if self._idle:
            return self._idle.pop()
        if len(self._links) >= self._size:
            return None
        link = Link(port, self)
        self._links.add(link)
        return link


class Link:
    """One connection of a pool."""

    def __init__(self, port: int, pool: Pool) -> None:
        self.port = port
        self.size = 0  # bytes of the unfinished answer
        self._pool = pool
        self._sock: socket.socket | None = None
        self._errand: Errand | None = None
        self._rest: bytes | memoryview = b""
        self._events = 0
        self._was_used = False
        self._has_input = False
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._answer: Response | None = None
        self._stays_open = False

    def carry(self, errand: Errand) -> None:
        """Send a request, whose answer ends it."""
        errand.link, self._errand = self, errand
        self._rest, self._has_input = errand.data, False
        try:
            if self._sock and _has_ended(self._sock):
                raise ConnectionResetError  # nothing was sent
            self._write(self._sock or self._connect())
        except OSError as error:
            self._break(error)

    def proceed(self) -> None:
        """Write and read as far as possible."""
        if self._sock is None:
            return  # closed by an earlier event
        try:
            if self._rest:
                self._write(self._sock)
            self._read(self._sock)
        except BlockingIOError:
            pass
        except (OSError, EOFError, httptools.HttpParserError) as error:
            self._break(error)

    def watch(self) -> None:
        """Wait for the next event."""
        self._await(selectors.EVENT_READ | selectors.EVENT_WRITE * bool(self._rest))

    def close(self) -> None:
        if self._sock:
            self._await(0)
            self._sock.close()
            self._sock = None
        self._body = bytearray()
        self._account()
        self._pool.drop(self)

    def _connect(self) -> socket.socket:
        self._sock = sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex((HOST, self.port))
        if error not in {0, EINPROGRESS}:
            raise OSError(error, "cannot connect")
        return sock

    def _await(self, events: int) -> None:
        if self._sock and events != self._events:
            self._pool.loop.attend(self._sock, events, self.proceed)
            self._events = events

    def _write(self, sock: socket.socket) -> None:
        with suppress(BlockingIOError):
            sent = sock.send(self._rest)
            self._rest = memoryview(self._rest)[sent:] if sent < len(self._rest) else b""
        self.watch()

    def _read(self, sock: socket.socket) -> None:
        if self.size and not self._pool.may_read(self):
            self._await(0)
            return
        data = sock.recv(_READ)
        if not data:
            raise EOFError
        self._has_input = True
        self._parser.feed_data(data)
        self._account()
        if self._answer:
            self._finish(self._answer)

    def _finish(self, response: Response) -> None:
        errand, self._errand, self._answer = self._errand, None, None
        self._was_used = True
        if errand is None or self._rest or not self._stays_open:
            self.close()
        else:
            self._pool.rest(self)
        if errand:
            self._pool.finish(errand, response)

    def _break(self, error: Exception) -> None:
        """Close a broken connection. Its request is sent again only if the other side has not read the whole of it.

        Then the system resets the connection. An end without a reset may be the effect of the request.
        """
        is_unread = isinstance(error, ConnectionError) and not self._has_input
        errand, is_stale = self._errand, self._was_used and is_unread
        self._errand = None
        self.close()
        if errand and is_stale:
            self._pool.send_again(errand)
        elif errand:
            self._pool.finish(errand, None)

    def _account(self) -> None:
        """Report the bytes of the unfinished answer to the pool."""
        before, self.size = self.size, len(self._body)
        self._pool.account(self.size - before)

    # Callbacks of httptools.

    def on_message_begin(self) -> None:
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in _OF_THE_SENDER:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._stays_open = self._parser.should_keep_alive()  # it is not known any more after the whole message

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._answer = Response(self._parser.get_status_code(), bytes(self._body), self._headers)
        self._body = bytearray()


def _has_ended(sock: socket.socket) -> bool:
    """Whether the other side of an idle connection has closed it."""
    with suppress(BlockingIOError):
        return not sock.recv(1, socket.MSG_PEEK)
    return False
