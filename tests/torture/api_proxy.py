"""A proxy before an API server. It passes requests on, notes them, and disturbs one of them."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

SILENCE = 40.0  # seconds, longer than any request may take
_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def refusal(status: int, message: str, **headers: str) -> Reply:
    """A refusal as an API server words it."""
    body = {"kind": "Status", "status": "Failure", "code": status, "message": message}
    return Reply(status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode())


REFUSALS = {
    "conflict": refusal(409, "the object has been modified"),
    "throttled": refusal(429, "too many requests", **{"Retry-After": "1"}),
    "broken": refusal(500, "etcdserver: request timed out"),
    "gone": refusal(410, "the provided continue parameter is too old"),
    "expired": refusal(401, "Unauthorized"),
}
"""The faults that are replies. None of these requests reaches the server."""

FAULTS = (*REFUSALS, "lost", "cut", "silent")
"""Of a lost or cut reply, the request has had its effect. A silent request has none."""


class Point(NamedTuple):
    """A fault at the first, second, … request of a route."""

    fault: str
    route: str
    turn: int

    def __str__(self) -> str:
        return f"{self.fault} at {self.turn} {self.route}"


class ApiProxy:
    """Serves on a free port of this machine. `point` is the fault to inject; `met` is set once it was injected."""

    def __init__(self, server: str, authority: str) -> None:
        self._host, self._tls = urlsplit(server).netloc, ssl.create_default_context(cadata=authority)
        self._lock, self._turns, self.routes = threading.Lock(), Counter[str](), list[str]()
        self.point: Point | None = None
        self.met = False
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def begin(self, point: Point | None) -> None:
        """Count from here, and disturb the request of a point."""
        with self._lock:
            self.point, self.met, self.routes = point, False, []
            self._turns.clear()

    def fault(self, route: str) -> str:
        """The fault of the next request of a route; empty if it has none."""
        with self._lock:
            self._turns[route] += 1
            self.routes.append(route)
            if self.point is None or (route, self._turns[route]) != self.point[1:]:
                return ""
            self.met = True
            return self.point.fault

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Pass a request on to the API server."""
        server = http.client.HTTPSConnection(self._host, timeout=SILENCE, context=self._tls)
        try:
            server.request(method, path, body, dict(headers))
            answer = server.getresponse()
            return Reply(answer.status, {k: v for k, v in answer.getheaders() if k.lower() not in _HOP}, answer.read())
        finally:
            server.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: ApiProxy

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.proxy.fault(route(self.command, self.path))
        if fault == "silent":
            threading.Event().wait(SILENCE)
            self.close_connection = True
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        reply = REFUSALS.get(fault) or self.proxy.ask(self.command, self.path, headers, body)
        if fault == "lost":
            self.close_connection = True
            return
        self._answer(reply, cut=fault == "cut")

    def _answer(self, reply: Reply, *, cut: bool) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + cut))
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = cut

    do_GET: Callable[[_Handler], None] = _pass_on  # noqa: N815 - http.server finds a method by this name
    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """The findings are the log."""


def route(method: str, path: str) -> str:
    """A request without the parts that differ from run to run: the namespace, releases and pods."""
    place, _, query = path.partition("?")
    place = re.sub(r"/namespaces/[^/]+", "", place)
    place = re.sub(r"(/(?:deployments|pods|secrets)/)[^/]+", r"\1*", place)
    return f"{method} {place}{' dry' if 'dryRun' in query else ''}"
