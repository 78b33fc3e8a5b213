"""Compare an answer with its golden request, and describe a difference."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from tests.core.endpoints import at

from lading.engine.release import scoring
from lading.engine.release.golden import ask_golden, decoded, difference
from lading.errors import Interrupted
from lading.model import GoldenRequest, Json, Secret

SAME: list[tuple[Json, Json, float]] = [
    (7.000006, 7, 1e-6),
    (7, 7.0, 0.0),
    (0.0, 0, 1e-6),
    (8.0, 7, 0.2),
    ({"a": [1, None, "x", True], "b": {}}, {"b": {}, "a": [1.0, None, "x", True]}, 1e-6),
    ([], [], 1e-6),
]
DIFFERENT: list[tuple[Json, Json, float, str]] = [
    (7.00002, 7, 1e-6, "response is 7.00002, expected 7 (off by 2.9e-06 of it)"),
    (7.000001, 7, 0.0, "response is 7.000001, expected 7 (off by 1.4e-07 of it)"),
    (1e-9, 0, 1e-6, "response is 1e-09, expected 0"),
    (True, 1, 1e-6, "response is true, expected 1"),
    ("7", 7, 1e-6, 'response is "7", expected 7'),
    (None, 0, 1e-6, "response is null, expected 0"),
    ([1, [2, 3]], [1, [2, 6]], 1e-6, "response[1][1] is 3, expected 6 (off by 0.5 of it)"),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, 1e-6, "response.a.b is 1, expected 2 (off by 0.5 of it)"),
    ([1, 2], [1], 1e-6, "response is [1, 2], expected [1]"),
    ({"a": 1}, {"b": 1}, 1e-6, 'response is {"a": 1}, expected {"b": 1}'),
    ("x" * 300, "y", 1e-6, f'response is "{"x" * 199}…, expected "y"'),
]


@pytest.mark.parametrize(("actual", "expected", "tolerance"), SAME)
def test_equal_answers(actual: Json, expected: Json, tolerance: float) -> None:
    assert difference(actual, expected, tolerance) is None


@pytest.mark.parametrize(("actual", "expected", "tolerance", "words"), DIFFERENT)
def test_a_difference_is_reported_with_its_place_and_size(
    actual: Json, expected: Json, tolerance: float, words: str
) -> None:
    assert difference(actual, expected, tolerance) == words


def test_an_answer_in_a_string_is_decoded_unless_text_is_expected() -> None:
    assert decoded("[7]", [7]) == [7]
    assert decoded("[7]", "[7]") == "[7]"
    assert decoded("seven", 7) == "seven"


class Hostile(BaseHTTPRequestHandler):
    """A service that answers each path in another wrong way."""

    def do_POST(self) -> None:
        body = {"/deep": b"[" * 200_000, "/big": b"[" + b"9" * 4000 + b"]", "/text": b'"' + b"[" * 200_000 + b'"'}
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(500 if self.path == "/cut" else 200)
        if self.path == "/cut":
            self.send_header("content-length", "9")
            self.end_headers()
            return
        if self.path in body:
            self.end_headers()
            self.wfile.write(body[self.path])
            return
        self.send_header("content-length", str(100 * 2**20))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * (2**20 if self.path == "/flood" else 1))
                time.sleep(0 if self.path == "/flood" else 0.05)
        except OSError:
            pass

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("deep", "did not answer with JSON"),
        ("big", "cannot be compared"),
        ("text", "cannot be compared"),
        ("flood", "answers with more than 64 MiB"),
        ("drip", "/drip does not answer within "),
        ("cut", "does not answer: IncompleteRead"),
    ],
)
def test_an_answer_that_cannot_be_read_or_compared_is_refused(hostile: str, path: str, words: str) -> None:
    sample = GoldenRequest(request=1, response=[7])
    verdict = ask_golden(at(f"{hostile}/{path}"), [sample], end=time.monotonic() + (1 if path == "drip" else 60))
    assert not verdict.up
    assert words in verdict.reason


class Redirecting(BaseHTTPRequestHandler):
    """Sends each request to another path of the same server, and keeps the keys that it gets there."""

    keys: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(302)
        self.send_header("location", f"http://localhost:{self.connection.getsockname()[1]}/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.keys.append(self.headers["authorization"])
        self.send_response(200)
        self.send_header("content-length", "1")
        self.end_headers()
        self.wfile.write(b"7")

    def log_message(self, *_arguments: object) -> None:
        pass


def test_a_redirect_is_an_answer_and_its_host_gets_no_key() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/score"
        assert scoring.ask(uri, b"[[1]]", key=Secret("s3cret-key")).status == 302
        server.shutdown()
    assert Redirecting.keys == []


def test_an_interrupt_is_not_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise Interrupted("interrupted")

    monkeypatch.setattr(scoring, "ask", interrupted)
    with pytest.raises(Interrupted):
        ask_golden(at("http://localhost"), [GoldenRequest(request=1, response=1)], end=None)
