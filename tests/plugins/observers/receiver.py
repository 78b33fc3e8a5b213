"""A web server on loopback that receives POSTs and gives the requested answers."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.waiting import LIMIT

IN_TWO_SECONDS = "in two seconds"
"""A header that is sent as a date, with a precision of one second."""


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    body: Any
    at: float


Answer = tuple[int, dict[str, str]] | None
"""A status with its headers; None sends nothing, and keeps the connection."""


class Receiver:
    """Gives its answers one by one, and 200 after that."""

    def __init__(self, answers: list[Answer]) -> None:
        self.posted: list[Posted] = []
        self.answers = answers
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/services/s3cr3t-p4th"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.posted.append(Posted(self.path, headers, body, time.monotonic()))
            answer = receiver.answers.pop(0) if receiver.answers else (200, {})
            if answer is None:
                receiver.closing.wait(LIMIT)
                return
            status, extra = answer
            self.send_response_only(status)
            for name, value in {"Date": self.date_time_string(), "content-length": "0", **extra}.items():
                date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
                self.send_header(name, date if value == IN_TWO_SECONDS else value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
