"""One client connection: what it sends, within limits, and what it is sent, one answer per turn."""

from __future__ import annotations

import math
import socket
from collections import deque
from typing import Protocol

from .hosts import Hosts
from .messages import CONTINUE, Refused, Request, Response
from .parsing import PIECE, Parser
from .spec import Limits

_CHUNK = 256 * 1024  # bytes of a body that are read at once
_READ = 64 * 1024  # bytes of anything else
_FAREWELL = 2.0  # seconds a client has to read the last response before its unread input would reset the connection


class Host(Protocol):
    """What a connection needs of its server."""

    limits: Limits
    draining: bool
    linger: float
    arriving: int
    unread: int

    def answer(self, request: Request) -> Response: ...

    def wants_turn(self, connection: Connection) -> None: ...

    def watch(self, connection: Connection, *, reading: bool, writing: bool) -> None: ...

    def forget(self, connection: Connection) -> None: ...


class Connection:
    """Reads, queues and answers. `age` is the seconds that its phase lasts, or that an answer makes no progress."""

    def __init__(self, sock: socket.socket, host: Host, hosts: Hosts) -> None:
        self.sock = sock
        self.age = 0.0
        self._host = host
        self._limits = host.limits
        self._waiting: deque[Request | Response] = deque()
        self._parser = Parser(host.limits, hosts, self._restart_clock, self._waiting.append)
        self._input: bytes | memoryview = b""  # read, and not parsed: the requests before it are answered first
        self._output: bytes | memoryview = b""
        self._answer_size = 0
        self._arriving = 0
        self._unread = 0
        self._closing = False
        self._answering = False

    @property
    def phase(self) -> str:
        """idle, head, body or closing."""
        return "closing" if self._closing else self._parser.phase

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a client that has begun nothing."""
        return self.phase == "idle" and not (self._waiting or self._input or self._output)

    @property
    def unread(self) -> int:
        """Bytes of an answer that are held until the client has taken the last of them."""
        return self._answer_size if self._output else 0

    def readable(self) -> None:
        """Take what the client sent; answer the first whole request at once and leave the others for later turns."""
        missing = self._parser.missing
        try:
            data = self.sock.recv(min(missing, _CHUNK) if missing > _READ else _READ)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()  # it is read only while nothing is owed
        elif not self._closing:
            self._input = data
            self.take_turn()

    def writable(self) -> None:
        """Send what is left of a response, then go on."""
        self._flush()
        self.take_turn()

    def take_turn(self) -> None:
        """Answer one request, unless the client has yet to take the answer before."""
        if not self._output:
            self._parse()
            if self._waiting:
                self._answer(self._waiting.popleft())
        self._settle()

    def tick(self, seconds: float) -> None:
        """Let time pass: a request that takes too long to arrive is refused, a silent client is let go."""
        self.age += seconds
        if self.age < self._patience():
            return
        if self.phase in {"head", "body"} and not self._output:
            self._refuse(Refused(408, f"the request's {self.phase} did not arrive within {self._patience():g} s"))
            self.take_turn()
        else:
            self.close()

    def give_way(self) -> None:
        """Leave room to others: this one is slower with its request, or with the answer to it."""
        if self.phase != "body" or self._output:
            self.close()
            return
        self._refuse(Refused(408, "the request's body took room for too long that other requests needed"))
        self.take_turn()

    def fail(self) -> None:
        """Answer 400 if no answer has begun, and close: an unexpected error occurred."""
        if self._closing or self._output:
            self.close()
            return
        if self._answering:
            self._waiting.clear()  # an answer to a later request would be taken for the one that failed
        self._refuse(Refused(400, "the request cannot be answered"))
        self.take_turn()

    def close(self) -> None:
        self._end()
        self._waiting.clear()
        self._output = b""
        self._account()
        self._host.forget(self)
        self.sock.close()

    def _patience(self) -> float:
        limits, phase = self._limits, self.phase
        if self._output:
            return limits.write_timeout
        if self._waiting or self._input:
            return math.inf  # it waits for us
        if phase == "idle":
            return self._host.linger if self._host.draining else limits.idle_timeout
        return {"head": limits.head_timeout, "body": limits.body_timeout, "closing": _FAREWELL}[phase]

    def _restart_clock(self) -> None:
        self.age = 0.0

    def _end(self) -> None:
        """Take no further request; of one that is refused or cut off nothing is kept."""
        self._closing = True
        self._restart_clock()
        self._input = b""
        self._parser.forget_body()

    def _parse(self) -> None:
        """Parse until a request is whole, or nothing is left."""
        while self._input and not self._waiting:
            piece, self._input = self._input, b""
            if len(piece) > PIECE:
                size, whole = max(PIECE, self._parser.missing), memoryview(piece)
                piece, self._input = whole[:size], whole[size:]
            try:
                self._parser.feed(piece)
            except Refused as refusal:
                self._refuse(refusal)

    def _refuse(self, refusal: Refused) -> None:
        self._waiting.append(refusal.response)
        self._end()

    def _answer(self, item: Request | Response) -> None:
        self._answering = True
        if isinstance(item, Response):
            self._send(item, last=item is not CONTINUE)
        else:
            last = not item.keep_alive or self._host.draining
            self._send(self._host.answer(item), last=last, with_body=item.method != "HEAD")
        self._answering = False

    def _send(self, response: Response, *, last: bool, with_body: bool = True) -> None:
        self._output = response.encode(with_body=with_body, close=last)
        self._answer_size = len(self._output)
        self._restart_clock()
        if last:
            self._waiting.clear()
            self._end()
        self._flush()

    def _flush(self) -> None:
        try:
            sent = self.sock.send(self._output)
            self._output = memoryview(self._output)[sent:] if sent < len(self._output) else b""
            self._restart_clock()
            if self._closing and not self._output and not self._waiting:
                self.sock.shutdown(socket.SHUT_WR)  # a close with input unread would reset what was just sent
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _settle(self) -> None:
        """Let the server know what to wait for."""
        if self.sock.fileno() < 0:
            return
        self._account()
        if self._output:
            self._host.watch(self, reading=False, writing=True)
        elif self._waiting or self._input:
            self._host.wants_turn(self)
            self._host.watch(self, reading=False, writing=False)
        else:
            self._host.watch(self, reading=True, writing=False)

    def _account(self) -> None:
        """Let the server know how many bytes are held."""
        arriving, unread = len(self._parser.body), self.unread
        if arriving != self._arriving or unread != self._unread:
            self._host.arriving += arriving - self._arriving
            self._host.unread += unread - self._unread
            self._arriving, self._unread = arriving, unread
