"""Azure ML's inference contract: routes, headers and error bodies, like azureml-inference-server-http."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .cors import Cors
from .inputs import NoSuchMethod, texts
from .logs import log_error
from .messages import Refused, Request, Response, failure, json_response
from .nesting import nests_deeper
from .open_inference import OpenInference, refused, unknown_path
from .page import VARIABLE, Page, wants_page
from .pulse import LONGEST_ID, Pulse
from .script import ScoringTimeout, Script
from .spec import Limits
from .swagger import SwaggerError, Swaggers

_READ = frozenset({"GET", "HEAD"})
_HTML = ("content-type", "text/html; charset=utf-8")
_NOT_FOUND = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling"
    " and try again."
)
_BAD_METHOD = "The method is not allowed for the requested URL."
_SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
_SERVER_FAILED = "An unexpected internal error occurred. Check the logs for more info."

Headers = list[tuple[str, str]]


class Contract:
    """Answers requests with a scoring script. `env` holds the variables that Azure ML's server reads."""

    def __init__(self, script: Script, env: Mapping[str, str], limits: Limits, pulse: Pulse | None = None) -> None:
        self._script = script
        self._pulse = pulse or Pulse()
        self._limits = limits
        self._swaggers = Swaggers(Path(env["AML_APP_ROOT"]), env, script)
        self._server_version = env.get("HTTP_X_MS_SERVER_VERSION", "")
        self._cors = Cors(env["AML_CORS_ORIGINS"]) if env.get("AML_CORS_ORIGINS") else None
        self._routes: dict[str, tuple[frozenset[str], Callable[[Request], Response]]] = {
            "/score": (frozenset({"GET", "HEAD", "POST", "OPTIONS"}), self._score),
            "/": (frozenset({"GET", "HEAD", "OPTIONS"}), self._health),
            "/swagger.json": (frozenset({"GET", "HEAD", "OPTIONS"}), self._swagger),
            "/openapi.json": (_READ, lambda _request: self._described("3.1")),
            "/v2/health/live": (_READ, lambda _request: json_response({"live": True})),
            "/v2/health/ready": (_READ, lambda _request: json_response({"ready": True})),
        }
        schema = script.lading_schema() if script.lading_schema else {}
        if schema:
            self._add_model(OpenInference(schema, env))
        self._page = Page(env[VARIABLE], schema) if env.get(VARIABLE) else None

    def _add_model(self, model: OpenInference) -> None:
        """Add the routes of a model that the default scoring script serves."""
        for path in model.paths:
            self._routes[path] = _READ, lambda _request: model.metadata()
            self._routes[f"{path}/ready"] = _READ, lambda _request: json_response({"name": model.name, "ready": True})
            self._routes[f"{path}/infer"] = frozenset({"POST"}), lambda request: self._infer(model, request)

    def _infer(self, model: OpenInference, request: Request) -> Response:
        try:
            self._check_depth(request)
            return model.response(request, self._score(model.request(request)))
        except Refused as refusal:
            return refused(refusal)

    def __call__(self, request: Request) -> Response:
        """Answer one request. Never raises."""
        methods, route = self._routes.get(request.path, (frozenset(), None))
        if route is None:
            return unknown_path() if request.path.startswith("/v2/") else failure(404, _NOT_FOUND)
        if request.method not in methods:
            return failure(405, _BAD_METHOD)
        headers: Headers = []
        try:
            self._identify(request, headers)
            response = route(request)
        except Refused as refusal:
            response = refusal.response
        except Exception as error:
            log_error(error)
            response = failure(500, _SERVER_FAILED)
        response.headers += headers
        response.headers += self._common(request)
        return response

    def _identify(self, request: Request, headers: Headers) -> None:
        """Copy the request's ids to the response, or create an id. Raises Refused if an id is too long."""
        given = request.headers
        request_id = given["x-request-id"] if "x-request-id" in given else str(uuid.uuid4())
        if len(request_id) > LONGEST_ID:
            raise Refused(431, f"x-request-id must not exceed {LONGEST_ID} characters")
        self._pulse.identify(request_id)
        _add(headers, "x-request-id", request_id)
        legacy_id = given.get("x-ms-request-id", "")
        client_id = given.get("x-ms-client-request-id") or legacy_id
        legacy_id = legacy_id or client_id or request_id
        if len(legacy_id) > LONGEST_ID or len(client_id) > LONGEST_ID:
            raise Refused(431, f"x-ms-request-id and x-ms-client-request-id must not exceed {LONGEST_ID} characters")
        _add(headers, "x-ms-request-id", legacy_id)
        _add(headers, "x-ms-client-request-id", client_id)

    def _common(self, request: Request) -> Headers:
        headers = [("x-ms-server-version", self._server_version)] if self._server_version else []
        if "traceid" in request.headers:
            headers.append(("TraceId", request.headers["traceid"]))
        return headers + self._cors.headers(request) if self._cors else headers

    def _health(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return _options("GET, HEAD, OPTIONS")
        return self._page.response() if self._page and wants_page(request) else Response(200, b"Healthy", [_HTML])

    def _swagger(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return _options("GET, HEAD, OPTIONS")
        return self._described(parse_qs(request.query, keep_blank_values=True).get("version", ["2"])[0])

    def _described(self, version: str) -> Response:
        try:
            return json_response(self._swaggers.get(version))
        except SwaggerError as error:
            return failure(404, str(error))

    def _check_depth(self, request: Request) -> None:
        if any(nests_deeper(text, self._limits.max_depth) for text in texts(request)):
            raise Refused(400, f"the JSON must not nest deeper than {self._limits.max_depth} levels")

    def _score(self, request: Request) -> Response:
        self._check_depth(request)
        try:
            result, milliseconds = self._script.call(request)
        except NoSuchMethod as refusal:
            if request.method == "OPTIONS":
                return Response(200, b"", [_HTML, ("x-ms-run-function-failed", "False")])
            return refusal.response
        except Refused:
            raise
        except ScoringTimeout as error:
            self._script.end_limit()  # a last alarm may have interrupted the end of the limit
            log_error(error)
            return failure(500, f"Scoring timeout after {self._script.timeout * 1000:.0f} ms", run_failed=True)
        except BaseException as error:  # sys.exit() in a script must not end the worker and its other clients
            log_error(error)
            return failure(500, _SCRIPT_FAILED, run_failed=True)
        self._pulse.renew()  # the limit is that of `run`, and a large result takes time to encode
        response = _response(result)
        response.headers.append(("x-ms-run-fn-exec-ms", f"{milliseconds:.3f}"))
        return response


def _add(headers: Headers, name: str, value: str) -> None:
    if value:
        headers.append((name, value))


def _options(allowed: str) -> Response:
    return Response(200, b"", [_HTML, ("allow", allowed)])


def _response(result: Any) -> Response:
    """Convert the result of `run` to a response. An AMLResponse or Flask response is kept; other values become JSON."""
    if not (hasattr(result, "status_code") and hasattr(result, "get_data")):
        return json_response({} if result is None else result)
    failed = ("x-ms-run-function-failed", "True")
    headers = [(name, value) for name, value in result.headers.items() if name.lower() != "content-length"]
    if result.status_code >= 500:
        headers = [pair for pair in headers if pair[0].lower() != failed[0]] + [failed]
    "".join(name + value for name, value in headers).encode("latin-1")  # fails here for text that HTTP cannot transfer
    return Response(int(result.status_code), bytes(result.get_data()), headers)
