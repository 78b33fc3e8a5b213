"""The encoding of responses, the parsing of hosts, the depth of JSON, and the two modules for scoring scripts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lading_serving import aml_request
from lading_serving.aml_response import AMLResponse
from lading_serving.hosts import of_target, split
from lading_serving.messages import CONTINUE, Refused, Request, Response, failure, json_response
from lading_serving.nesting import nests_deeper

DATE = re.compile(rb"date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")


def encoded(response: Response, *, with_body: bool = True, close: bool = False) -> bytes:
    """The bytes of a response without its date. The date must occur once."""
    data, dates = DATE.subn(b"", response.encode(with_body=with_body, close=close))
    assert dates == 1
    return data


@pytest.mark.parametrize(
    ("response", "options", "expected"),
    [
        (
            Response(200, b"[1]", [("content-type", "application/json")]),
            {},
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n[1]",
        ),
        (
            Response(200, b"[1]", []),
            {"with_body": False, "close": True},
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n",
        ),
        (Response(204, b"no", [("a", "b")]), {}, b"HTTP/1.1 204 No Content\r\na: b\r\n\r\n"),
        (Response(304, b"no", []), {"close": True}, b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n"),
        (Response(102, b"no", []), {}, b"HTTP/1.1 102 Processing\r\n\r\n"),
        (Response(599, b"", []), {}, b"HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n"),
        (
            Response(200, b"", [("a", "1"), ("a", "é")]),
            {},
            b"HTTP/1.1 200 OK\r\na: 1\r\na: \xe9\r\ncontent-length: 0\r\n\r\n",
        ),
    ],
)
def test_a_response_has_these_bytes(response: Response, options: dict[str, bool], expected: bytes) -> None:
    assert encoded(response, **options) == expected


def test_an_interim_response_has_only_a_status_line() -> None:
    assert CONTINUE.encode(with_body=True, close=True) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "status", "body", "failed"),
    [
        (json_response([1.5, None, "é"]), 200, rb'[1.5, null, "\u00e9"]', "False"),
        (json_response("text", 202, run_failed=True), 202, b'"text"', "True"),
        (failure(500, "it broke", run_failed=True), 500, b'{"message": "it broke"}', "True"),
        (Refused(421, "not here").response, 421, b'{"message": "not here"}', "False"),
    ],
)
def test_json_and_errors_have_azure_mls_form(response: Response, status: int, body: bytes, failed: str) -> None:
    assert (response.status, response.body) == (status, body)
    assert response.headers == [("content-type", "application/json"), ("x-ms-run-function-failed", failed)]


@pytest.mark.parametrize(
    ("value", "media_type"),
    [
        (None, ""),
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/plain ;a=b;c=d", "text/plain"),
        (";charset=utf-8", ""),
    ],
)
def test_a_media_type_is_the_content_type_without_parameters(value: str | None, media_type: str) -> None:
    headers = {} if value is None else {"content-type": value}
    assert Request("POST", "/", "", headers, b"").media_type == media_type


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("", ("", "")),
        (":80", ("", "80")),
        ("LocalHost", ("localhost", "")),
        ("box.example:", ("box.example", "")),
        ("127.0.0.1:65535", ("127.0.0.1", "65535")),
        ("127.0.0.1:00080", ("127.0.0.1", "00080")),
        ("[::1]:80", ("[::1]", "80")),
        ("[::FFFF:127.0.0.1]", ("[::ffff:127.0.0.1]", "")),
        (" \tlocalhost ", ("localhost", "")),
        ("a_b~c%20:1", ("a_b~c%20", "1")),
        *((wrong, None) for wrong in ("a:65536", "a:000080", "a:1:2", "[::1", "[::g]", "::1", "a b", "a/b", "a@b")),
        *((wrong, None) for wrong in ("[127.0.0.1]x", "é", "a\n", "[]", "[1.2.3]")),
    ],
)
def test_a_host_is_a_name_and_a_port_or_refused(host: str, expected: tuple[str, str] | None) -> None:
    if expected:
        assert split(host) == expected
    else:
        with pytest.raises(Refused, match="is not a host with an optional port") as caught:
            split(host)
        assert caught.value.status == 400


def test_a_refusal_shows_only_the_start_of_an_unknown_host() -> None:
    with pytest.raises(Refused) as caught:
        split("a@" * 1000)
    assert str(caught.value) == f"'{'a@' * 50}' is not a host with an optional port"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://a/b?c#d", ("a", b"/b?c#d")),
        (b"HTTPS://A:1", ("A:1", b"/")),
        (b"http://a?b", ("a", b"/?b")),
        (b"http://a#b", ("a", b"/#b")),
        (b"http://a//b\nc", ("a", b"//b\nc")),
    ],
)
def test_an_absolute_target_is_a_host_and_a_path(target: bytes, expected: tuple[str, bytes]) -> None:
    assert of_target(target) == expected


@pytest.mark.parametrize("target", [b"", b"a", b"http:/a", b"http://", b"http:///a", b"ftp://a/", b"//a/b"])
def test_a_target_without_a_host_is_refused(target: bytes) -> None:
    with pytest.raises(Refused, match="not a path or an absolute http address") as caught:
        of_target(target)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"", 0),
        (b"1", 0),
        (b"[]", 1),
        (b' \n\t{"a": [1, {"b": 2}]}', 3),
        (b'["[[[[", {"]": "{"}]', 2),
        (rb'["\"[[", "\\", [[1]]]', 3),
        (rb'["\\\"[[[", 1]', 1),
        (b"[1], [2], [[3]]", 2),
        (b"text with [[[", 0),
        (b"[" * 50, 50),
    ],
)
def test_brackets_inside_strings_do_not_count_as_nesting(text: bytes, depth: int) -> None:
    assert not nests_deeper(text, depth)
    assert depth == 0 or nests_deeper(text, depth - 1)


@pytest.mark.parametrize(
    ("message", "options", "body", "headers"),
    [
        ("héllo", {}, "héllo".encode(), {"Content-Type": "text/html; charset=utf-8"}),
        (b"\x00\xff", {}, b"\x00\xff", {"Content-Type": "text/html; charset=utf-8"}),
        (bytearray(b"ab"), {}, b"ab", {"Content-Type": "text/html; charset=utf-8"}),
        (["a", b"b", ["c"]], {}, b"abc", {"Content-Type": "text/html; charset=utf-8"}),
        (None, {}, b"{}", {"Content-Type": "application/json"}),
        ({"a": [1]}, {"json_str": True}, b'{"a": [1]}', {"Content-Type": "application/json"}),
        ("a", {"json_str": True}, b'"a"', {"Content-Type": "application/json"}),
        (
            "a,b",
            {"response_headers": {"Content-Type": "text/csv"}},
            b"a,b",
            {"Content-Type": "text/csv"},
        ),
    ],
)
def test_the_response_of_a_script_is_sent_unchanged(
    message: Any, options: dict[str, Any], body: bytes, headers: dict[str, str]
) -> None:
    response = AMLResponse(message, "201", **options)  # type: ignore[arg-type]  # scripts write it as text, too
    assert response.status_code == 201
    assert response.get_data() == body
    assert sorted(response.headers.items()) == sorted({**headers, "x-ms-run-function-failed": "False"}.items())


def test_a_header_with_commas_becomes_one_header_per_part() -> None:
    response = AMLResponse("", 200, {"X-A": "1, 2 ,3"}, run_function_failed=True)
    assert response.headers.get_all("x-a") == ["1", "2", "3"]
    assert response.headers["x-ms-run-function-failed"] == "True"


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Evil: 1", "1,2\r3"])
def test_a_header_with_a_line_break_inside_is_an_error_of_the_script(value: str) -> None:
    with pytest.raises(ValueError, match="must not hold a line break"):
        AMLResponse("", 200, {"X-A": value})


@settings(max_examples=30)
@given(
    path=st.text(st.characters(codec="utf-8"), max_size=12).map("/".__add__),
    query=st.text("ab=&%20", max_size=10),
    body=st.binary(max_size=20),
)
@example("//", "", b"")
def test_a_request_reaches_flask_unchanged(path: str, query: str, body: bytes) -> None:
    headers = {"host": "localhost:5001", "content-type": "application/json", "x-a-b": "1,2"}
    request = aml_request.flask_request()(aml_request.environ(Request("POST", path, query, headers, body), "http"))
    seen = "/" + path.lstrip("/")  # Flask itself reads several leading slashes as one
    assert (request.method, request.path, request.query_string.decode()) == ("POST", seen, query)
    assert request.get_data() == body
    assert request.host == "localhost:5001"
    assert request.mimetype == "application/json"
    assert request.headers["X-A-B"] == "1,2"


def test_a_request_without_a_host_or_a_port_gets_defaults() -> None:
    environ = aml_request.environ(Request("GET", "/", "", {}, b"{}"), "http")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "80")
    assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]) == ("2", "")
    assert "HTTP_CONTENT_TYPE" not in environ


def test_the_replacement_modules_have_exactly_the_names_that_scripts_import() -> None:
    import flask

    assert aml_request.AMLRequest is flask.Request
    with pytest.raises(AttributeError, match="has no attribute 'AMLReqest'"):
        _ = aml_request.AMLReqest


def test_a_message_is_always_one_json_text() -> None:
    assert json.loads(failure(400, 'a "quote"\n').body) == {"message": 'a "quote"\n'}
