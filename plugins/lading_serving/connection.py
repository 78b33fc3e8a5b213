"""One client connection: requests within limits, and one response per turn."""

from __future__ import annotations

import math
import select
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from .hosts import Hosts
from .later import Answering, Later, Turn
from .messages import CONTINUE, Refused, Request, Response, Unadmitted
from .parsing import PIECE, Parser
from .recorder import Recorder
from .spec import Limits

if TYPE_CHECKING:
    from .secured import Secured

_CHUNK = 256 * 1024  # limit in bytes for one read of a body
_READ = 64 * 1024  # limit in bytes for any other read
_LEFT = select.POLLHUP | select.POLLERR
_ENDED = getattr(select, "POLLRDHUP", 0)  # the client sends nothing more; only Linux shows it
_LINGER_TIME = 2.0  # seconds for the client to read the last response, before a reset because of its unread input


class Host(Protocol):
    """The parts of a server that a connection needs."""

    limits: Limits
    admits: Callable[[Mapping[str, str]], bool] | None
    recorder: Recorder
    draining: bool
    linger: float
    arriving: int
    unread: int

    def wants_turn(self, turn: Turn) -> None: ...

    def watch(self, connection: Connection, *, reading: bool, writing: bool) -> None: ...

    def forget(self, connection: Connection) -> None: ...


class Connection:
    """Reads requests, queues them and sends responses.

    `age` is the number of seconds since the phase began or since a response last made progress.
    """

    def __init__(self, sock: socket.socket | Secured, host: Host, hosts: Hosts, answer: Answering) -> None:
        self.sock = sock
        self.age = 0.0
        self._answer_request = answer
        self._first_limit = host.limits.idle_timeout if isinstance(sock, socket.socket) else host.limits.head_timeout
        self._host = host
        self._limits = host.limits
        self._waiting: deque[Request | Response] = deque()
        self._parser = Parser(host.limits, hosts, self._restart_clock, self._waiting.append, host.admits)
        self._input: bytes | memoryview = b""  # read but not parsed, because earlier requests are answered first
        self._output: bytes | memoryview = b""
        self._answer_size = 0
        self._arriving = 0
        self._unread = 0
        self._closing = False
        self._answering = False
        self._later: Later | None = None  # the answer that the client waits for
        self._is_probed = False

    @property
    def phase(self) -> str:
        """The state of the connection: idle, head, body or closing."""
        return "closing" if self._closing else self._parser.phase

    @property
    def is_idle(self) -> bool:
        """Whether the client has not begun a request, and no response is due."""
        return self.phase == "idle" and not (self._waiting or self._input or self._output or self._later)

    @property
    def unread(self) -> int:
        """The size of a response that the client has not read completely."""
        return self._answer_size if self._output else 0

    def readable(self) -> None:
        """Read input from the client. The first complete request is answered at once, later ones in later turns."""
        if self._later:
            self._host.watch(self, reading=False, writing=False)  # it stays readable until the answer is sent
            return
        missing = self._parser.missing
        try:
            data = self.sock.recv(min(missing, _CHUNK) if missing > _READ else _READ)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()  # the server reads only if no response is due
        elif not self._closing:
            self._input = data
            self.take_turn()

    def writable(self) -> None:
        """Send the rest of a response, then continue."""
        self._flush()
        self.take_turn()

    def take_turn(self) -> None:
        """Answer one request, unless the previous response is not sent yet."""
        if not (self._output or self._later):
            self._parse()
            if self._waiting:
                self._answer(self._waiting.popleft())
        self._settle()

    def tick(self, seconds: float) -> None:
        """Add time to the age. Refuse a request that takes too long, and close a connection that stays silent."""
        self.age += seconds
        if self._later:
            self._notice_end()
        if self.age < self._time_limit():
            return
        if self.phase in {"head", "body"} and not self._output:
            self._refuse(Refused(408, f"the request's {self.phase} did not arrive within {self._time_limit():g} s"))
            self.take_turn()
        else:
            self.close()

    def give_way(self) -> None:
        """Release memory for other connections, because this one is the slowest to send or to read."""
        if self.phase != "body" or self._output:
            self.close()
            return
        self._refuse(Refused(408, "the request's body arrived too slowly: its memory was needed for other requests"))
        self.take_turn()

    def fail(self) -> None:
        """Handle an unexpected error: answer 400 if no response has begun, and close."""
        if self._closing or self._output or self._later:
            self.close()
            return
        if self._answering:
            self._waiting.clear()  # the client would take an answer to a later request for this one
        self._refuse(Refused(400, "the request cannot be answered"))
        self.take_turn()

    def close(self) -> None:
        later, self._later = self._later, None
        if later:
            later.cancel()
        self._end()
        self._waiting.clear()
        self._output = b""
        self._account()
        self._host.forget(self)
        self.sock.close()

    def _notice_end(self) -> None:
        """Close if the client has left while it waits, so that its request gives way to others.

        A client that has only ended its side still reads its answer. Both look the same until an interim response is
        sent: the system of a client that has left resets the connection.
        """
        poll = select.poll()
        poll.register(self.sock, _ENDED)
        events = next((events for _, events in poll.poll(0)), 0)
        if events & _LEFT:
            self.close()
        elif events & _ENDED and self._parser.takes_interim and not self._is_probed:
            self._is_probed = True
            with suppress(OSError):  # the next look finds the reset
                self.sock.send(CONTINUE.encode(with_body=False, close=False))

    def _time_limit(self) -> float:
        limits, phase = self._limits, self.phase
        if self._output:
            return limits.write_timeout
        if self._waiting or self._input or self._later:
            return math.inf  # the delay is the server's
        if phase == "idle":
            patience = limits.idle_timeout if self._answer_size else self._first_limit  # which includes a handshake
            return self._host.linger if self._host.draining else patience
        return {"head": limits.head_timeout, "body": limits.body_timeout, "closing": _LINGER_TIME}[phase]

    def _restart_clock(self) -> None:
        self.age = 0.0

    def _end(self) -> None:
        """Accept no more requests, and discard a refused or incomplete one."""
        self._closing = True
        self._restart_clock()
        self._input = b""
        self._parser.forget_body()

    def _parse(self) -> None:
        """Parse until a request is complete or the input is used up."""
        while self._input and not self._waiting:
            piece, self._input = self._input, b""
            if len(piece) > PIECE:
                size, whole = max(PIECE, self._parser.missing), memoryview(piece)
                piece, self._input = whole[:size], whole[size:]
            try:
                self._parser.feed(piece)
            except Refused as refusal:
                self._refuse(refusal)
            except Unadmitted as refusal:
                self._waiting.append(refusal.request)
                self._end()

    def _refuse(self, refusal: Refused) -> None:
        self._waiting.append(refusal.response)
        self._end()

    def _answer(self, item: Request | Response) -> None:
        self._answering = True
        if isinstance(item, Response):
            if item is not CONTINUE:
                self._host.recorder.refused(item)
            self._send(item, last=item is not CONTINUE)
        else:
            answer = self._answer_request(item)
            if isinstance(answer, Later):
                self._later = answer
                answer.then(lambda response: self._receive(item, response))
            else:
                self._reply(item, answer)
        self._answering = False

    def _receive(self, request: Request, response: Response) -> None:
        """Send an answer that has come later, and continue."""
        if self._later is None:
            return  # the client has left
        self._later = None
        try:
            self._reply(request, response)
            self._settle()
        except Exception:
            self.fail()
            raise

    def _reply(self, request: Request, response: Response) -> None:
        last = not request.keep_alive or self._host.draining
        self._send(response, last=last, with_body=request.method != "HEAD")

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
                self.sock.shutdown(socket.SHUT_WR)  # a close with unread input would lose the response
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _settle(self) -> None:
        """Register the next event of this connection with the server."""
        if self.sock.fileno() < 0:
            return
        self._account()
        if self._output:
            self._host.watch(self, reading=False, writing=True)
        elif self._later:  # most clients send nothing until they have the answer, so this changes nothing
            self._host.watch(self, reading=True, writing=False)
        elif self._waiting or self._input:
            self._host.wants_turn(self)
            self._host.watch(self, reading=False, writing=False)
        else:
            self._host.watch(self, reading=True, writing=False)

    def _account(self) -> None:
        """Report the number of buffered bytes to the server."""
        arriving, unread = len(self._parser.body), self._answer_size if self._output else 0
        if arriving != self._arriving or unread != self._unread:
            self._host.arriving += arriving - self._arriving
            self._host.unread += unread - self._unread
            self._arriving, self._unread = arriving, unread
