"""Pass the bytes of a client with TLS on to a local socket, and back.

Only the process that did the handshake can decrypt a connection. So the supervisor keeps the connections that it has
accepted in place of its workers, and gives a worker the other end of a local socket.
"""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from .secured import Secured
from .spec import Limits

_READ = 64 * 1024  # limit in bytes for one read
_WRITE_TIMEOUT = Limits().write_timeout  # seconds without progress until a client that does not read is closed

Channel: TypeAlias = socket.socket | Secured


class Loop(Protocol):
    """The parts of the supervisor's loop that a relay needs."""

    def attend(self, fd: int, events: int, callback: Callable[[], None]) -> None: ...


class Relay:
    """One client. `plain` is the end of the local socket with its decrypted bytes. `on_end` is called at the end."""

    def __init__(self, client: Secured, loop: Loop, on_end: Callable[[Relay], None]) -> None:
        self._loop, self._on_end = loop, on_end
        try:
            ours, self.plain = socket.socketpair()
        except OSError:
            client.close()
            raise
        for each in (ours, self.plain):
            each.setblocking(False)
        self._request, self._answer = _Way(client, ours), _Way(ours, client)
        self._ends: tuple[Channel, Channel] = (client, ours)
        self._attend()

    @property
    def due(self) -> float:
        """The time to close the relay, on the monotonic clock. Infinite, unless bytes wait for the client to read."""
        return self._answer.moved + _WRITE_TIMEOUT if self._answer.rest else math.inf

    def _move(self) -> None:
        """Move bytes both ways as far as possible."""
        try:
            self._request.move()
            self._answer.move()
        except (OSError, ValueError):  # one side has left, or the bytes are not TLS
            self.close()
            return
        if self._answer.has_ended:
            self.close()
        else:
            self._attend()

    def _attend(self) -> None:
        for end, reads, writes in zip(self._ends, self._ways, reversed(self._ways), strict=True):
            events = selectors.EVENT_READ * reads.may_read | selectors.EVENT_WRITE * bool(writes.rest)
            self._loop.attend(end.fileno(), events, self._move)

    @property
    def _ways(self) -> tuple[_Way, _Way]:
        return self._request, self._answer

    def close(self) -> None:
        for end in self._ends:
            self._loop.attend(end.fileno(), 0, self._move)
            end.close()
        self._on_end(self)


class _Way:
    """The bytes from one end to the other. `rest` was read and not sent yet. `moved` is when it last changed."""

    def __init__(self, source: Channel, sink: Channel) -> None:
        self._source, self._sink = source, sink
        self.rest: bytes | memoryview = b""
        self.moved = 0.0
        self._is_over = False

    @property
    def may_read(self) -> bool:
        return not (self.rest or self._is_over)

    @property
    def has_ended(self) -> bool:
        """Whether all bytes were sent, and no more will come."""
        return self._is_over and not self.rest

    def move(self) -> None:
        """Read and send once each. The end of the source becomes that of the sink."""
        try:
            if self.may_read and not self._read():
                return
            if self.rest:
                sent = self._sink.send(self.rest)
                self.rest = memoryview(self.rest)[sent:] if sent < len(self.rest) else b""
                self.moved = time.monotonic()
        except BlockingIOError:
            pass

    def _read(self) -> bool:
        """Read what has come. Returns whether it was any."""
        self.rest = self._source.recv(_READ)
        self.moved = time.monotonic()
        if not self.rest:
            self._is_over = True
            self._sink.shutdown(socket.SHUT_WR)
        return bool(self.rest)
