"""Convert a request to the arguments of `run`, with the rules of Azure ML's server."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from . import aml_request
from .messages import JSON, Refused, Request
from .tls import scheme_of

InputParser = Callable[[Request], dict[str, Any]]

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class NoSuchMethod(Refused):
    """`run` does not support this method."""

    def __init__(self) -> None:
        super().__init__(405, "Method not allowed")


class JsonString:
    """The argument of a plain `run`: the body as text, or the query parameters as a JSON text."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def __call__(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            return {self._parameter: json.dumps(_query(request))}
        if request.method != "POST":
            raise NoSuchMethod
        if request.media_type in _FORMS:
            raise Refused(415, f"send the body with the header 'content-type: {JSON}', not as {request.media_type}")
        try:
            return {self._parameter: str(request.body, "utf-8")}
        except UnicodeDecodeError as error:
            raise Refused(400, f"Input cannot be decoded as UTF-8: {error}") from None


class Parameters:
    """The arguments of a `run` with `@input_schema`: one per parameter, from a JSON object or the query."""

    def __init__(self, parameters: Sequence[inspect.Parameter]) -> None:
        self._parameters = parameters

    def __call__(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            return self._pick(_query(request))
        if request.method != "POST":
            raise NoSuchMethod
        if not _is_json(request.media_type):
            raise Refused(415, "Expects Content-Type to be application/json")
        if not request.body:
            raise Refused(400, "POST body is empty. Expecting a JSON dictionary.")
        try:
            content = json.loads(request.body)
        except ValueError as error:
            raise Refused(400, f"POST body could not be decoded as JSON: {error}") from None
        if not isinstance(content, dict):
            raise Refused(400, "POST body should be a JSON dictionary.")
        return self._pick(content)

    def _pick(self, content: dict[str, Any]) -> dict[str, Any]:
        values = {each.name: content.get(each.name, each.default) for each in self._parameters}
        for name, value in values.items():
            if value is inspect.Parameter.empty:
                raise Refused(400, f"A value is not provided for the {name!r} parameter.")
        return values


class RawRequest:
    """The argument of a `run` with `@rawhttp`: a Flask request. Raises ImportError if Flask is not installed."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter
        self._type = aml_request.flask_request()
        self._scheme = scheme_of(os.environ)

    def __call__(self, request: Request) -> dict[str, Any]:
        return {self._parameter: self._type(aml_request.environ(request, self._scheme))}


def _is_json(media_type: str) -> bool:
    return media_type == JSON or (media_type.startswith("application/") and media_type.endswith("+json"))


def texts(request: Request) -> list[bytes]:
    """The texts that the scoring script or its parser reads as JSON: the body and each query parameter."""
    return [request.body, *(text.encode() for _, text in _pairs(request))] if request.query else [request.body]


def _pairs(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(request.query, keep_blank_values=True) if request.query else []


def _query(request: Request) -> dict[str, Any]:
    """The query parameters. Each is decoded if it is JSON, otherwise it stays text. A repeated one becomes a list."""
    values: dict[str, list[Any]] = {}
    for name, text in _pairs(request):
        values.setdefault(name, []).append(_value(text))
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
