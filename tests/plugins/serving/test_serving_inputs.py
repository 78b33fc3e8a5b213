"""From a request to the arguments of `run`, and the cross-origin headers, compared with Azure's own packages."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading_serving.cors import Cors
from lading_serving.inputs import JsonString, NoSuchMethod, Parameters, RawRequest, texts
from lading_serving.messages import Refused, Request

JSON = {"content-type": "application/json"}


def post(body: bytes, content_type: str = "application/json") -> Request:
    return Request("POST", "/score", "", {"content-type": content_type}, body)


def get(query: str) -> Request:
    return Request("GET", "/score", query, {}, b"")


def parameters(run: Callable[..., Any]) -> Parameters:
    return Parameters(list(inspect.signature(run).parameters.values()))


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.status, str(caught.value)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "{}"),
        ("a=1&b=1.5&c=true&d=null&e=text", '{"a": 1, "b": 1.5, "c": true, "d": null, "e": "text"}'),
        ("a=%5B1%2C%202%5D&b=%7B%22c%22%3A%201%7D", '{"a": [1, 2], "b": {"c": 1}}'),
        ("a=1&a=two&a=", '{"a": [1, "two", ""]}'),
        ("a", '{"a": ""}'),
        ("a=%C3%A9+b", '{"a": "\\u00e9 b"}'),
    ],
)
def test_a_query_reaches_a_plain_run_as_one_json_object(query: str, expected: str) -> None:
    assert JsonString("raw_data")(get(query)) == {"raw_data": expected}


@pytest.mark.parametrize("body", ["", "not JSON", '{"data": [[1]]}', "é\n\0"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_a_body_reaches_a_plain_run_as_text(body: str, kind: str) -> None:
    assert JsonString("data")(post(body.encode(), kind)) == {"data": body}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=a"])
def test_a_form_is_refused_with_the_header_to_send(kind: str) -> None:
    media_type = kind.partition(";")[0].lower()
    message = f"send the body with the header 'content-type: application/json', not as {media_type}"
    assert refusal(lambda: JsonString("data")(post(b"data=1", kind))) == (415, message)


def test_a_body_that_is_not_utf_8_is_refused() -> None:
    status, message = refusal(lambda: JsonString("data")(post(b"\xff")))
    assert status == 400
    assert message.startswith("Input cannot be decoded as UTF-8: 'utf-8' codec")


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT"])
@pytest.mark.parametrize("parser", [JsonString("data"), parameters(lambda data: data)])
def test_another_method_does_not_reach_run(method: str, parser: Callable[[Request], Any]) -> None:
    with pytest.raises(NoSuchMethod) as caught:
        parser(Request(method, "/score", "", JSON, b"{}"))
    assert caught.value.status == 405


def scored(first: Any, second: Any = 7, *, third: Any = None) -> None:
    """The signature that these tests use."""


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (post(b'{"first": [1]}'), {"first": [1], "second": 7, "third": None}),
        (
            post(b'{"first": null, "second": {}, "third": "a", "fourth": 4}'),
            {"first": None, "second": {}, "third": "a"},
        ),
        (post(b'{"first": 1}', "application/vnd.azure+json; a=b"), {"first": 1, "second": 7, "third": None}),
        (get("first=1&third=text"), {"first": 1, "second": 7, "third": "text"}),
        (get("first=1&first=2"), {"first": [1, 2], "second": 7, "third": None}),
    ],
)
def test_parameters_are_taken_from_an_object_or_a_query(request_: Request, expected: dict[str, Any]) -> None:
    assert parameters(scored)(request_) == expected


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (post(b"{}", "text/plain"), 415, "Expects Content-Type to be application/json"),
        (post(b"{}", "text/x+json"), 415, "Expects Content-Type to be application/json"),
        (post(b""), 400, "POST body is empty. Expecting a JSON dictionary."),
        (post(b"[1]"), 400, "POST body should be a JSON dictionary."),
        (post(b"{"), 400, "POST body could not be decoded as JSON: Expecting property name enclosed in double quotes"),
        (post(b'{"a": "\xff"}'), 400, "POST body could not be decoded as JSON: 'utf-8' codec can't decode"),
        (post(b'{"second": 1}'), 400, "A value is not provided for the 'first' parameter."),
        (get("second=1"), 400, "A value is not provided for the 'first' parameter."),
    ],
)
def test_a_request_without_parameters_is_refused(request_: Request, status: int, message: str) -> None:
    found = refusal(lambda: parameters(scored)(request_))
    assert found[0] == status
    assert found[1].startswith(message)


def test_a_raw_request_is_a_flask_request() -> None:
    import flask

    request = RawRequest("request")(Request("PUT", "/score", "a=1", JSON, b"[1]"))["request"]
    assert isinstance(request, flask.Request)
    assert (request.method, request.args["a"], request.get_json()) == ("PUT", "1", [1])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25)
@given(st.dictionaries(st.text(min_size=1, max_size=4), VALUES, max_size=4))
def test_any_json_in_a_query_is_read_back(values: dict[str, Any]) -> None:
    query = urlencode({name: json.dumps(value) for name, value in values.items()})
    assert json.loads(JsonString("data")(get(query))["data"]) == values


def test_the_texts_of_a_request_are_its_body_and_its_query_values() -> None:
    request = Request("POST", "/score", "a=%5B1%5D&b&a=%7B%7D", JSON, b"[[2]]")
    assert texts(request) == [b"[[2]]", b"[1]", b"", b"{}"]


ORIGINS = (
    "*",
    "https://a.example",
    "https://a.example, https://b.example",
    "https://a.example,*",
    r"https://.*\.example",
    r"https://.*\.example,http://localhost",
    "HTTPS://A.example",
    "null",
)
ASKED = (
    None,
    "https://a.example",
    "https://A.EXAMPLE",
    "https://a.example.evil",
    "https://b.example",
    "http://localhost",
    "https://aXexample",
    "null",
)


@pytest.mark.parametrize("origins", ORIGINS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_cross_origin_headers_equal_those_of_flask_cors(origins: str, method: str) -> None:
    for asked in ASKED:
        for preflight in ({}, {"access-control-request-method": "post", "access-control-request-headers": "x-b, X-a"}):
            sent = {"origin": asked, **preflight} if asked else preflight
            ours = Cors(origins).headers(Request(method, "/score", "", sent, b""))
            assert sorted(ours) == flask_cors_headers(origins, method, sent), (asked, preflight)


def flask_cors_headers(origins: str, method: str, sent: dict[str, str]) -> list[tuple[str, str]]:
    """The headers of flask-cors, which Azure ML's server uses, for the same response."""
    import flask
    import flask_cors

    app = flask.Flask("measure")
    flask_cors.CORS(app, methods=["GET", "POST"], origins=[origin.strip() for origin in origins.split(",")])
    app.add_url_rule("/score", view_func=lambda: "", methods=["GET", "OPTIONS"])
    answer = app.test_client().open("/score", method=method, headers=sent)
    pairs = [(name.lower(), value) for name, value in answer.headers.items()]
    return sorted(pair for pair in pairs if pair[0].startswith("access-control-") or pair[0] == "vary")
