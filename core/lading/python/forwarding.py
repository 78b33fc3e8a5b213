"""Forward a port of this machine to a service, through its target.

Only programs of this machine reach the port. The pages of other sites in a browser of this machine get no answer: their
requests have a foreign `Origin` or, after DNS rebinding, a foreign `Host`.
"""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import BadInput, LadingError
from ..model import Capability, InvokeAnswer, Secret
from ..model.records import OnEvent, ignore
from ..store import MANIFEST

if TYPE_CHECKING:
    import socket
    from email.message import Message

    from ..engine.release.endpoint import Endpoint

_ADDRESS = "127.0.0.1"
_HTTP = 80
_PATH = "/score"
_LARGEST = 16 << 20  # bytes of a request
_AT_ONCE = 32  # limit of requests at once
_CLIENT_TIMEOUT = 60.0  # seconds in which a client must send the head of a request, its body, and take the answer
_NOT_PASSED = frozenset({"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"})
"""Headers that belong to the connection with the service."""


@dataclass(frozen=True)
class Forward:
    """A port of this machine that leads to a service. `uri` is the address here, and `to` that of the service."""

    service: str
    target: str
    uri: str
    to: str
    _server: ThreadingHTTPServer

    def serve(self) -> None:
        """Answer requests until the process is interrupted."""
        self._server.serve_forever()


@contextmanager
def forward(
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    port: int = 0,
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> Iterator[Forward]:
    """Open a port of 127.0.0.1 whose requests the target sends to the service. With `port` 0 it is a free one.

    Raises BadInput if the target cannot send requests or if the port cannot be used.
    """
    order = Order.of("forward", manifest, Needs.QUESTION, store=store, targets=() if target is None else (target,))
    with open_session(order, on_event) as session:
        service = Service(session, session.targets[0])
        if not service.plugin.can(Capability.INVOKE):
            raise BadInput(
                f"the target '{service.target.name}' needs no port of this machine",
                hint="`lading uri` prints the address that clients use",
            )
        session.store.demand_trust()  # the store decides the address that receives the requests
        endpoint = service.open_endpoint(service.address())
        with _server(service, endpoint, port) as server:
            uri = f"http://{_ADDRESS}:{server.server_port}{_PATH}"
            yield Forward(service.target.service_name, service.target.name, uri, endpoint.uri, server)


def _server(service: Service, endpoint: Endpoint, port: int) -> ThreadingHTTPServer:
    try:
        return _Server(service, endpoint, port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "name another port, or leave out --port for a free one"
        raise BadInput(f"port {port} of {_ADDRESS} cannot be used: {reason}", hint=hint) from error


class _Server(ThreadingHTTPServer):
    """Passes requests on to an endpoint."""

    def __init__(self, service: Service, endpoint: Endpoint, port: int) -> None:
        self._service, self._endpoint, self.slots = service, endpoint, BoundedSemaphore(_AT_ONCE)
        super().__init__((_ADDRESS, port), _Handler)

    def relay(self, body: bytes | None, key: Secret | None) -> InvokeAnswer:
        """The answer of the service, or a failure as status 502, which is also reported."""
        try:
            return replace(self._endpoint, key=key).relay(body)
        except LadingError as error:
            message = self._service.session.events.redacted(error.message)
            self._service.emit("warning", detail=message)
            return _refusal(502, message)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that is gone."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Incoming(io.RawIOBase):
    """The bytes of a client. All of a part must come in time, so that a client that sends slowly holds no slot."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.begin_part()

    def begin_part(self) -> None:
        """Give the client the whole time again, for the next part of its request."""
        self._end = time.monotonic() + _CLIENT_TIMEOUT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes. Raises TimeoutError at the end of the time."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    """One request. Its key is passed on, because the port has none."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lading", ""
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._incoming = _Incoming(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def do_GET(self) -> None:
        self._answer(self._refused() or self._passed(None))

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        refused = self._refused()
        if not refused and not re.fullmatch("[0-9]{1,18}", length):
            refused = _refusal(411, "a request needs a Content-Length")
        if not refused and int(length) > _LARGEST:
            refused = _refusal(413, f"a request has at most {_LARGEST >> 20} MiB")
        self._answer(refused or self._passed(int(length)))

    def _passed(self, length: int | None) -> InvokeAnswer:
        """The answer of the service to a request with a body of this length."""
        key = _key(self.headers)
        if key and not (key.reveal().isascii() and key.reveal().isprintable()):
            return _refusal(400, "the key has characters that no key has")
        with self.server.slots:  # before the body is read, so that only a few are in memory
            body = None if length is None else self._body(length)
            return body if isinstance(body, InvokeAnswer) else self.server.relay(body, key)

    def _body(self, length: int) -> bytes | InvokeAnswer:
        """The body of the request, or the refusal of one that does not come completely and in time."""
        self._incoming.begin_part()  # the request may have waited for its slot
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            return _refusal(408, f"the body did not arrive within {_CLIENT_TIMEOUT:g} s")
        return body if len(body) == length else _refusal(400, "the request is not complete")

    def _refused(self) -> InvokeAnswer | None:
        """The refusal of a request that no program of this machine sends on purpose."""
        port = self.server.server_port
        ends = (f":{port}", "") if port == _HTTP else (f":{port}",)  # a client leaves out the usual port
        hosts = {f"{name}{end}" for name in (_ADDRESS, "localhost") for end in ends}
        host, origin = self.headers.get("host", ""), self.headers.get("origin")
        if host.lower() not in hosts:
            return _refusal(421, "this port does not answer for another host")
        is_foreign = origin is not None and origin.lower() not in {f"http://{name}" for name in hosts}
        if is_foreign or self.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _refusal(403, "this port does not answer to pages of other sites")
        if self.path != _PATH:
            return _refusal(404, f"the path of the service is {_PATH}")
        return None

    def _answer(self, answer: InvokeAnswer) -> None:
        self.close_connection = True
        self.connection.settimeout(_CLIENT_TIMEOUT)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _NOT_PASSED:
                self.send_header(name, _latin(value))
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """The service logs its requests."""


def _latin(value: str) -> str:
    """The value of a header whose bytes are sent as Latin-1, on one line. Another text keeps its bytes in UTF-8."""
    line = " ".join(value.split("\r\n"))
    try:
        line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace").decode("latin-1")
    return line


def _key(headers: Message) -> Secret | None:
    """The key that a client sends, in one of the two headers of a service."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    key = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-lading-key", "")
    return Secret(key) if key else None


def _refusal(status: int, message: str) -> InvokeAnswer:
    body = json.dumps({"error": message}).encode()
    return InvokeAnswer(status=status, body=body, headers={"Content-Type": "application/json"})
