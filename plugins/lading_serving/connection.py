"""One client connection: HTTP/1.1 parsed by httptools, within limits, one request answered per turn."""

from __future__ import annotations

import socket
from collections import deque
from typing import Protocol
from urllib.parse import unquote

import httptools

from .messages import Refused, Request, Response
from .spec import Limits

_CHUNK = 256 * 1024
_FAREWELL = 2.0  # seconds a client has to read the last response before its unread input would reset the connection


class Host(Protocol):
    """What a connection needs of its server."""

    limits: Limits
    draining: bool
    linger: float
    arriving: int

    def answer(self, request: Request) -> Response: ...

    def wants_turn(self, connection: Connection) -> None: ...

    def watch(self, connection: Connection, *, reading: bool, writing: bool) -> None: ...

    def forget(self, connection: Connection) -> None: ...

    def make_room(self) -> None: ...


class Connection:
    """Reads, queues and answers. `phase` is idle, head, body or closing; `age` the seconds spent in it."""

    def __init__(self, sock: socket.socket, host: Host) -> None:
        self.sock = sock
        self.phase = "idle"
        self.age = 0.0
        self._host = host
        self._limits = host.limits
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request | Response] = deque()
        self._output = bytearray()
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0

    def readable(self) -> None:
        """Take what the client sent; answer the first whole request at once and queue the others for later turns."""
        try:
            data = self.sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if data:
            if self.phase != "closing":
                self._parse(data)
                self._host.make_room()
                self.take_turn()
        elif self._waiting or self._output:
            self._host.watch(self, reading=False, writing=bool(self._output))
        else:
            self.close()

    def writable(self) -> None:
        """Send what is left of a response, then go on."""
        self._flush()
        self.take_turn()

    def take_turn(self) -> None:
        """Answer one request, unless the client has yet to take the answer before."""
        if self._waiting and not self._output:
            item = self._waiting.popleft()
            if isinstance(item, Response):
                self._send(item, last=True)
            else:
                last = not item.keep_alive or self._host.draining
                self._send(self._host.answer(item), last=last, with_body=item.method != "HEAD")
        if self.sock.fileno() < 0:
            return
        if self._waiting and not self._output:
            self._host.wants_turn(self)
        self._host.watch(self, reading=not self._waiting and not self._output, writing=bool(self._output))

    def tick(self, seconds: float) -> None:
        """Let time pass: a request that takes too long to arrive is refused, a silent client is let go."""
        self.age += seconds
        if self.age < self._patience():
            return
        if self.phase in {"head", "body"}:
            self._refuse(Refused(408, f"the request's {self.phase} did not arrive within {self._patience():g} s"))
            self.take_turn()
        else:
            self.close()

    def give_way(self) -> None:
        """Refuse the request whose body is arriving: it is slower than others that need its room."""
        self._refuse(Refused(408, "the request's body took room for too long that other requests needed"))
        self.take_turn()

    def close(self) -> None:
        self._enter("closing")
        self._host.forget(self)
        self.sock.close()
        self._waiting.clear()

    def _patience(self) -> float:
        limits = self._limits
        if self.phase == "idle":
            return self._host.linger if self._host.draining else limits.idle_timeout
        return {"head": limits.head_timeout, "body": limits.body_timeout, "closing": _FAREWELL}[self.phase]

    def _enter(self, phase: str) -> None:
        """Begin a phase. Of a body that is whole, refused or cut off nothing is kept: a silent client may stay long."""
        self.phase = phase
        self.age = 0.0
        if self._body and phase != "body":
            self._host.arriving -= sum(map(len, self._body))
            self._body = []

    def _parse(self, data: bytes) -> None:
        fields = self._fields
        try:
            self._parser.feed_data(data)
            if self.phase == "head" and self._fields is fields:
                self._count_head(len(data))  # a field is reported once it is whole: what is still to come counts too
        except Refused as refusal:
            self._refuse(refusal)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, Refused):
                raise
            self._refuse(error.__context__)
        except httptools.HttpParserError as error:
            self._refuse(Refused(400, f"the request is not HTTP/1.1: {error}"))

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read a request again without its offer of another protocol, for which the parser left the body unread."""
        fields = [b"%s: %s\r\n" % field for field in self._fields if field[0].lower() != b"upgrade"]
        head = b"%s %s HTTP/1.1\r\n%s\r\n" % (self._parser.get_method(), self._url, b"".join(fields))
        self._parser = httptools.HttpRequestParser(self)
        self._parse(head + rest)

    def _count_head(self, size: int) -> None:
        self._size += size
        if self._size > self._limits.max_head:
            raise Refused(431, f"the request's head must not exceed {self._limits.max_head} bytes")

    def _refuse(self, refusal: Refused) -> None:
        self._waiting.append(refusal.response)
        self._enter("closing")

    def _send(self, response: Response, *, last: bool, with_body: bool = True) -> None:
        self._output += response.encode(with_body=with_body, close=last)
        if last:
            self._waiting.clear()
            self._enter("closing")
        self._flush()

    def _flush(self) -> None:
        try:
            sent = self.sock.send(self._output)
            del self._output[:sent]
            self.age = 0.0
            if self.phase == "closing" and not self._output and not self._waiting:
                self.sock.shutdown(socket.SHUT_WR)  # a close with input unread would reset what was just sent
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    # What httptools calls while it parses.

    def on_message_begin(self) -> None:
        self._enter("head")
        self._url = b""
        self._fields = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))
        self._count_head(len(name) + len(value))
        if len(self._fields) > self._limits.max_fields:
            raise Refused(431, f"the request must not have more than {self._limits.max_fields} header fields")

    def on_headers_complete(self) -> None:
        if self._parser.get_method() == b"CONNECT":
            raise Refused(405, "this is no proxy")
        self._enter("body")
        self._size = 0
        fields = {name.lower(): value for name, value in self._fields}
        if int(fields.get(b"content-length", 0)) > self._limits.max_body:
            raise self._too_large()
        if fields.get(b"expect", b"").lower() == b"100-continue":
            self._output += b"HTTP/1.1 100 Continue\r\n\r\n"
            self._flush()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._limits.max_body:
            raise self._too_large()
        self._body.append(body)
        self._host.arriving += len(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_upgrade():
            self._waiting.append(self._request())
            self._enter("idle")

    def _too_large(self) -> Refused:
        return Refused(413, f"the request's body must not exceed {self._limits.max_body} bytes")

    def _request(self) -> Request:
        path, _, query = self._url.partition(b"?")
        if not path.startswith(b"/"):  # a proxy's absolute form
            path = httptools.parse_url(self._url).path or b"/"
        headers: dict[str, str] = {}
        for raw_name, raw_value in self._fields:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        return Request(
            method=self._parser.get_method().decode(),
            path=unquote(path.decode("latin-1")) if b"%" in path else path.decode("latin-1"),
            query=query.decode("latin-1"),
            headers=headers,
            body=b"".join(self._body),
            keep_alive=self._parser.should_keep_alive() and self._parser.get_http_version() != "1.0",
        )
