"""A candidate that does not listen yet is not ready. Only an answer can be wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.core.endpoints import at

from lading.engine.release.golden import ask_golden, ask_service, record_answers
from lading.engine.release.probe import Probe
from lading.model import GoldenRequest, Verdict

SAMPLE = GoldenRequest(request=1, response=[7])


@contextmanager
def service(status: int) -> Iterator[str]:
    """A service whose every answer has one status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", "3")
            self.end_headers()
            self.wfile.write(b"[8]")

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/score"
        server.shutdown()


def verdicts(uri: str, seconds: float = 20) -> list[Verdict | None]:
    """The verdicts of all ways to ask a candidate."""
    end = time.monotonic() + seconds
    return [
        ask_golden(at(uri), [SAMPLE], end=end),
        record_answers(at(uri), [SAMPLE], end=end)[0],
        ask_service(at(uri), [SAMPLE], end=end),
        Probe({"data": [[1]]}, sure=True).ask(at(uri), timeout=seconds),
    ]


@pytest.mark.parametrize(
    ("status", "answered"), [(502, False), (503, False), (504, False), (500, True), (404, True), (401, True)]
)
def test_a_gateway_without_a_listener_is_no_answer(status: int, answered: bool) -> None:
    with service(status) as uri:
        found = verdicts(uri)
    assert [(each.up, each.answered) for each in found if each] == [(False, answered)] * 4


def test_a_wrong_answer_is_an_answer() -> None:
    with service(200) as uri:
        verdict = ask_golden(at(uri), [SAMPLE], end=None)
    assert (verdict.up, verdict.answered) == (False, True)


def test_a_refused_connection_and_a_time_out_are_no_answers() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{bound.getsockname()[1]}/score"
        assert [each.answered for each in verdicts(uri) if each] == [False] * 4
        bound.listen()  # it accepts connections, and never answers
        assert [each.answered for each in verdicts(uri, seconds=0.2) if each] == [False] * 4
