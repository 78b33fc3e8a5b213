"""Parsing bytes into requests without a socket: accepted and refused input, in pieces of any size."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading_serving.hosts import Hosts
from lading_serving.messages import CONTINUE, Refused, Request, Response
from lading_serving.parsing import Parser
from lading_serving.spec import Limits

SMALL = Limits(max_body=10, max_head=300, max_fields=4)
HOST = {"host": "localhost"}
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /score HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Client:
    """Feeds a parser and keeps its output."""

    def __init__(self, limits: Limits = SMALL, hosts: Hosts | None = None) -> None:
        self.items: list[Request | Response] = []
        self.phases: list[str] = []
        self.refusal: tuple[int, str] | None = None
        self.parser = Parser(limits, hosts or Hosts("127.0.0.1"), self._note, self.items.append)

    def _note(self) -> None:
        self.phases.append(self.parser.phase)

    def send(self, *pieces: bytes) -> Client:
        for piece in pieces:
            if self.refusal is None:
                try:
                    self.parser.feed(piece)
                except Refused as refusal:
                    self.refusal = refusal.status, str(refusal)
        return self

    @property
    def result(self) -> tuple[list[Request | Response], int]:
        """The complete requests, and the status of a refusal or 0."""
        return self.items, self.refusal[0] if self.refusal else 0


def in_pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


UNDERSTOOD = {
    "a get": (GET + b"\r\n", [Request("GET", "/", "", HOST, b"", True)]),
    "an escaped path": (
        b"GET /a%20b%2Fc%C3%A9?x=%20&y HTTP/1.1\r\nHost: localhost\r\n\r\n",
        [Request("GET", "/a b/cé", "x=%20&y", HOST, b"", True)],
    ),
    "an empty query": (b"GET /score? HTTP/1.1\r\nHost: localhost\r\n\r\n", [Request("GET", "/score", "", HOST, b"")]),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", [Request("OPTIONS", "*", "", HOST, b"")]),
    "an absolute address": (
        b"GET http://127.0.0.1:80/score?a=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        [Request("GET", "/score", "a=1", {"host": "127.0.0.1:80"}, b"")],
    ),
    "an absolute address without a path": (
        b"GET http://localhost?a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        [Request("GET", "/", "a", HOST, b"")],
    ),
    "names in any case, twice": (
        GET + b"X-A: 1\r\nx-a:  2 \r\n\r\n",
        [Request("GET", "/", "", {**HOST, "x-a": "1,2"}, b"")],
    ),
    "latin-1": (GET + b"X-A: \xe9\r\n\r\n", [Request("GET", "/", "", {**HOST, "x-a": "é"}, b"")]),
    "the end of a connection": (
        GET + b"Connection: close\r\n\r\n",
        [Request("GET", "/", "", {**HOST, "connection": "close"}, b"", False)],
    ),
    "http 1.0": (b"GET / HTTP/1.0\r\n\r\n", [Request("GET", "/", "", {}, b"", False)]),
    "http 1.0 that would go on": (
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        [Request("GET", "/", "", {"connection": "keep-alive"}, b"", False)],
    ),
    "a body at the limit": (
        POST + b"Content-Length: 10\r\n\r\n0123456789",
        [Request("POST", "/score", "", {**HOST, "content-length": "10"}, b"0123456789")],
    ),
    "an empty body": (
        POST + b"Content-Length: 0\r\n\r\n",
        [Request("POST", "/score", "", {**HOST, "content-length": "0"}, b"")],
    ),
    "chunks, an extension and a trailer": (
        CHUNKED + b"2;a=b\r\n{}\r\n3\r\n   \r\n0\r\nX-Trailer: 1\r\nHost: evil.example\r\n\r\n",
        [Request("POST", "/score", "", {**HOST, "transfer-encoding": "chunked"}, b"{}   ")],
    ),
    "two requests": (
        GET + b"\r\n" + POST + b"Content-Length: 1\r\n\r\n1",
        [
            Request("GET", "/", "", HOST, b""),
            Request("POST", "/score", "", {**HOST, "content-length": "1"}, b"1"),
        ],
    ),
    "an offer to upgrade with a body": (
        POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
        [Request("POST", "/score", "", {**HOST, "connection": "upgrade", "content-length": "2"}, b"{}")],
    ),
    "a client that waits": (
        POST + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n{}",
        [CONTINUE, Request("POST", "/score", "", {**HOST, "expect": "100-Continue", "content-length": "2"}, b"{}")],
    ),
    "white space around an expectation": (
        POST + b"Expect: \t 100-continue \t\r\nContent-Length: 2\r\n\r\n{}",
        [CONTINUE, Request("POST", "/score", "", {**HOST, "expect": "100-continue", "content-length": "2"}, b"{}")],
    ),
    "an expectation of http 1.0": (
        b"GET / HTTP/1.0\r\nExpect: a miracle\r\n\r\n",
        [Request("GET", "/", "", {"expect": "a miracle"}, b"", False)],
    ),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_valid_request_is_parsed(name: str) -> None:
    data, expected = UNDERSTOOD[name]
    client = Client().send(data)
    assert client.refusal is None
    assert client.items == expected
    assert client.parser.phase == "idle"


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_request_in_single_bytes_gives_the_same_result(name: str) -> None:
    data, expected = UNDERSTOOD[name]
    assert Client().send(*in_pieces(data, range(len(data)))).items == expected


REFUSED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "the request has no Host field"),
    "two hosts": (GET + b"HOST: localhost\r\n\r\n", 400, "the request has more than one Host field"),
    "two fields that are not the host": (GET + b"A: 1\r\nA: 2\r\nHost: a\r\n\r\n", 400, "more than one Host field"),
    "another host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "for the host 'evil.example'"),
    "a proxy's request": (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "is not a proxy"),
    "a target without a slash": (b"OPTIONS score HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "HTTP/1.1"),
    "a long body": (POST + b"Content-Length: 11\r\n\r\n", 413, "the request's body must not exceed 10 bytes"),
    "long chunks": (CHUNKED + b"6\r\n012345\r\n5\r\n67890\r\n", 413, "the request's body must not exceed 10 bytes"),
    "twenty digits": (POST + b"Content-Length: " + b"0" * 19 + b"1\r\n\r\n", 400, "more than 19 digits"),
    "no digits": (POST + b"Content-Length: 1e1\r\n\r\n", 400, "the request is not HTTP/1.1: "),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n1", 400, "the request is not HTTP/1.1: "),
    "a length and chunks": (
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
        400,
        "the request is not HTTP/1.1: ",
    ),
    "another expectation": (POST + b"Expect: 200-ok\r\n\r\n", 417, "the only expectation that can be met"),
    "a line that is folded": (GET + b"A: 1\r\n 2\r\n\r\n", 400, "the request is not HTTP/1.1: "),
    "a name with a space": (GET + b"A b: 1\r\n\r\n", 400, "the request is not HTTP/1.1: "),
    "another method": (b"FETCH / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "the request is not HTTP/1.1: "),
    "http 2": (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505, "the request must be HTTP/1.1 or HTTP/1.0"),
    "http 0.9": (b"GET /\r\n", 505, "the request must be HTTP/1.1 or HTTP/1.0"),
    "five fields": (GET + b"A: 1\r\n" * 4 + b"\r\n", 431, "must not have more than 4 header fields"),
    "a long value": (GET + b"A: " + b"1" * 300 + b"\r\n\r\n", 431, "the request's head must not exceed 300 bytes"),
    "a long name": (GET + b"a" * 500, 431, "the request's head must not exceed 300 bytes"),
    "a long target": (b"GET /" + b"a" * 400, 431, "the request's head must not exceed 300 bytes"),
    "a long extension": (CHUNKED + b"1;" + b"a" * 400, 400, "chunk extensions and trailers must not exceed 300 bytes"),
    "a long trailer": (CHUNKED + b"0\r\nA: " + b"a" * 400, 400, "extensions and trailers must not exceed 300 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_is_refused_with_its_reason(name: str) -> None:
    data, status, reason = REFUSED[name]
    client = Client().send(*in_pieces(data, range(0, len(data), 100)))
    assert client.items == []
    assert client.refusal is not None
    assert client.refusal[0] == status
    assert reason in client.refusal[1]


STREAMS = [
    *(data for data, _ in UNDERSTOOD.values()),
    # The size of a head is counted in pieces. A client of HTTP/0.9 is refused before it sends another line.
    *(data for name, (data, _, _) in REFUSED.items() if len(data) < 300 and name != "http 0.9"),
]


@settings(max_examples=30)
@given(first=st.sampled_from(STREAMS), second=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 1000), max_size=9))
def test_the_sizes_of_pieces_make_no_difference(first: bytes, second: bytes, cuts: list[int]) -> None:
    whole = Client().send(first + second)
    assert Client().send(*in_pieces(first + second, cuts)).result == whole.result


TOKEN = st.text("abcXYZ-09", min_size=1, max_size=6).filter(lambda name: name.lower() not in {"te", "host"})
VALUE = st.text("abc ,;=\"'{}[]:é", max_size=12).map(str.strip)


@settings(max_examples=30)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
    path=st.text("abc/é .%", max_size=8).map("/".__add__),
    fields=st.dictionaries(TOKEN.map("x-".__add__).map(str.lower), VALUE, max_size=5),
    body=st.binary(max_size=60),
    sizes=st.none() | st.lists(st.integers(1, 20), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 1000), max_size=9),
)
def test_any_request_is_read_back(
    method: str, path: str, fields: dict[str, str], body: bytes, sizes: list[int] | None, cuts: list[int]
) -> None:
    headers = {"host": "localhost", **fields}
    if sizes is None:
        headers["content-length"] = str(len(body))
        sent = body
    else:
        headers["transfer-encoding"] = "chunked"
        sent = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks(body, sizes)) + b"0\r\n\r\n"
    head = f"{method} {quote(path)} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    data = head.encode("latin-1") + b"\r\n" + sent
    client = Client(Limits()).send(*in_pieces(data, cuts))
    assert client.refusal is None
    assert client.items == [Request(method, path, "", headers, body, True)]


def chunks(body: bytes, sizes: list[int]) -> list[bytes]:
    found = []
    for size in sizes:
        chunk, body = body[:size], body[size:]
        found += [chunk] if chunk else []
    return [*found, body] if body else found


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=30) | st.sampled_from([GET, POST, CHUNKED, b"\r\n", b"1\r\n"]), max_size=8))
def test_any_bytes_are_requests_or_refused_and_bodies_stay_within_limits(pieces: list[bytes]) -> None:
    client = Client().send(*pieces)
    assert client.refusal is None or 400 <= client.refusal[0] < 506
    assert client.parser.phase in {"idle", "head", "body"}
    assert all(len(item.body) <= SMALL.max_body for item in client.items)


def test_the_clock_restarts_only_when_a_phase_begins() -> None:
    client = Client()
    steps = (b"POST", b" /score HTTP/1.1\r\n", b"Host: localhost\r\nContent-Length: 2\r\n", b"\r\n", b"{", b"}")
    seen = [list(client.send(step).phases) for step in steps]
    assert seen == [["head"], ["head"], ["head"], ["head", "body"], ["head", "body"], ["head", "body", "idle"]]


def test_an_upgrade_request_is_parsed_again_as_one_request() -> None:
    client = Client().send(GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert client.phases == ["head", "head", "body", "idle"]
    assert len(client.items) == 1


def test_the_missing_bytes_of_a_body_are_known_if_its_length_is() -> None:
    client = Client()
    lacking = [client.send(piece).parser.missing for piece in (POST, b"Content-Length: 7\r\n\r\n", b"{}", b"     ")]
    assert lacking == [0, 7, 5, 0]
    assert client.parser.body == b""


def test_a_discarded_body_keeps_no_memory() -> None:
    client = Client().send(POST + b"Content-Length: 7\r\n\r\n{}")
    assert bytes(client.parser.body) == b"{}"
    client.parser.forget_body()
    assert (bytes(client.parser.body), client.parser.missing) == (b"", 0)


@pytest.mark.parametrize("size", [298, 299, 300])
def test_the_size_of_a_head_counts_names_values_and_the_target(size: int) -> None:
    """1 byte of target, 4 + 9 of the host, and 1 of a name: the rest is available for a value."""
    spare = 300 - 1 - len("Host") - len("localhost") - 1
    client = Client().send(GET + b"A: " + b"1" * (spare - 300 + size) + b"\r\n\r\n")
    assert client.refusal is None
    assert Client().send(GET + b"A: " + b"1" * (spare + 1) + b"\r\n\r\n").result == ([], 431)


def test_many_small_chunks_do_not_count_as_extensions() -> None:
    limits = Limits(max_body=5000, max_head=300)
    client = Client(limits).send(CHUNKED, *[b"1\r\n1\r\n"] * 2000, b"0\r\n\r\n")
    assert [len(item.body) for item in client.items] == [2000]


def test_the_host_of_every_request_on_a_connection_is_checked() -> None:
    client = Client().send(GET + b"\r\n", GET + b"\r\n", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert [len(client.items), client.refusal and client.refusal[0]] == [2, 421]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_a_long_field_counts_once_in_any_number_of_pieces(size: int) -> None:
    head = GET + b"A: " + b"1" * 240 + b"\r\n\r\n"
    client = Client().send(*in_pieces(head, range(0, len(head), size)))
    assert (len(client.items), client.refusal) == (1, None)


def test_the_trailers_of_one_request_do_not_count_for_the_next() -> None:
    trailers = [b"0\r\n", *[b"X-Trailer: 1\r\n"] * 15, b"\r\n"]
    client = Client().send(CHUNKED, *trailers, GET, b"A: ", *[b"1" * 50] * 3, b"\r\n\r\n")
    assert (len(client.items), client.refusal) == (2, None)
