"""Azure ML's inference contract: routes, headers and error bodies, like azureml-inference-server-http."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from .access import clean
from .board import SCORING
from .choice import COUNT_MARK, is_uncounted
from .cors import Cors
from .encoding import OF_THE_CONNECTION
from .exposition import asks_for_figures, metrics
from .inputs import NoSuchMethod, texts
from .keys import Guard, without_keys
from .logs import log_error
from .messages import Refused, Request, Response, failure, json_response
from .nesting import nests_deeper
from .open_inference import OpenInference, refused, unknown_path
from .page import VARIABLE, Page, wants_page
from .pulse import LONGEST_ID, Pulse
from .recorder import Recorder
from .script import ScoringTimeout, Script
from .spec import Limits
from .swagger import SwaggerError, Swaggers
from .tracing import HEADER, continued

_READ = frozenset({"GET", "HEAD"})
_HTML = ("content-type", "text/html; charset=utf-8")
_NOT_FOUND = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling"
    " and try again."
)
_BAD_METHOD = "The method is not allowed for the requested URL."
_NO_KEY = "a valid key is required: send `Authorization: Bearer KEY` or `X-Lading-Key: KEY`"
_CHALLENGE = ("www-authenticate", "Bearer")
_SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
_SERVER_FAILED = "An unexpected internal error occurred. Check the logs for more info."

Headers = list[tuple[str, str]]


class Contract:
    """Answers requests with a scoring script. `env` holds the variables that Azure ML's server reads.

    `scoring_paths` are the paths whose requests the script answers.
    """

    def __init__(
        self,
        script: Script,
        env: Mapping[str, str],
        limits: Limits,
        pulse: Pulse | None = None,
        *,
        guard: Guard | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._script = script
        self._guard = guard
        self._pulse = pulse or Pulse()
        self._recorder = recorder or Recorder()
        self._limits = limits
        self.mark = env.get(COUNT_MARK, "")
        self._swaggers = Swaggers(Path(env["AML_APP_ROOT"]), env, script)
        self._server_version = env.get("HTTP_X_MS_SERVER_VERSION", "")
        self._cors = Cors(env["AML_CORS_ORIGINS"]) if env.get("AML_CORS_ORIGINS") else None
        self._routes: dict[str, tuple[frozenset[str], Callable[[Request], Response]]] = {
            "/score": (frozenset({"GET", "HEAD", "POST", "OPTIONS"}), self._score),
            "/": (frozenset({"GET", "HEAD", "OPTIONS"}), self._health),
            "/swagger.json": (frozenset({"GET", "HEAD", "OPTIONS"}), self._swagger),
            "/metrics": (_READ, self._metrics),
            "/openapi.json": (_READ, lambda _request: self._described("3.1")),
            "/v2/health/live": (_READ, lambda _request: json_response({"live": True})),
            "/v2/health/ready": (_READ, lambda _request: json_response({"ready": True})),
        }
        self.scoring_paths = {"/score"}
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
            self.scoring_paths.add(f"{path}/infer")

    def _infer(self, model: OpenInference, request: Request) -> Response:
        try:
            self._check_depth(request)
            return model.response(request, self._score(model.request(request)))
        except Refused as refusal:
            return refused(refusal)

    def __call__(self, request: Request) -> Response:
        """Answer one request. Never raises."""
        if self._guard is not None and not self._admits(request, self._guard):
            return self._finished(request, self._unauthorized)
        found = self._routes.get(request.path)
        if found is None:
            return unknown_path() if request.path.startswith("/v2/") else failure(404, _NOT_FOUND)
        methods, route = found
        if request.method not in methods:
            return failure(405, _BAD_METHOD)
        return self._finished(request, route)

    def refused(self, request: Request, refusal: Refused) -> Response:
        """The answer to a request that was refused before, with its ids."""
        return self._finished(request, lambda _request: _answer_to(request, refusal))

    def _finished(self, request: Request, route: Callable[[Request], Response]) -> Response:
        """The answer of a route, with the headers that all of them have."""
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

    def _admits(self, request: Request, guard: Guard) -> bool:
        """Whether a request of a protected service may be answered: a health check, or one with a valid key."""
        if request.path in guard.open_paths and request.method in _READ:
            return True
        is_health = request.path == "/" and request.method in _READ and not self._is_for_page(request)
        return is_health or guard.holds_key(request.headers)

    def _unauthorized(self, request: Request) -> Response:
        """The answer to a request without a valid key. A browser sends a preflight request always without one."""
        if self._cors and self._cors.is_preflight(request):
            return Response(200, b"", [_HTML])
        if self._page and request.path == "/" and request.method in _READ:
            response = self._page.locked()
        else:
            response = _answer_to(request, Refused(401, _NO_KEY))
        response.headers.append(_CHALLENGE)
        return response

    def _is_for_page(self, request: Request) -> bool:
        return self._page is not None and wants_page(request)

    def _identify(self, request: Request, headers: Headers) -> None:
        """Copy the request's ids to the response, or create an id. Raises Refused if an id is too long."""
        given = request.headers
        if "x-request-id" in given:
            request_id = given["x-request-id"]
            if len(request_id) > LONGEST_ID:
                raise Refused(431, f"x-request-id must not exceed {LONGEST_ID} characters")
            self._recorder.request_id = clean(request_id)
        else:
            self._recorder.request_id = request_id = _new_id()
        self._pulse.identify(request_id)
        if HEADER in given and (trace := continued(given[HEADER])):
            self._recorder.trace_id = trace.trace_id
            _add(headers, HEADER, trace.header)
        _add(headers, "x-request-id", request_id)
        if "x-ms-request-id" not in given and "x-ms-client-request-id" not in given:
            _add(headers, "x-ms-request-id", request_id)
            return
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
        if self._page is None or not wants_page(request):
            return Response(200, b"Healthy", [_HTML])
        return self._page.response(protected=self._guard is not None)

    def _metrics(self, request: Request) -> Response:
        if asks_for_figures(request):  # `lading status` asks: that changes nothing, not even the log
            self._recorder.is_silent = True
        return metrics(self._recorder.board, request)

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
        for text in texts(request):
            if nests_deeper(text, self._limits.max_depth):
                raise Refused(400, f"the JSON must not nest deeper than {self._limits.max_depth} levels")

    def _score(self, request: Request) -> Response:
        if not is_uncounted(request.headers, self.mark):
            self._recorder.group = SCORING
        self._check_depth(request)
        if self._guard is not None:
            request = without_keys(request)
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
        finally:
            self._recorder.run = self._script.seconds
        self._pulse.renew()  # the limit is that of `run`, and a large result takes time to encode
        response = _response(result)
        response.headers.append(("x-ms-run-fn-exec-ms", f"{milliseconds:.3f}"))
        return response


_random = random.Random()  # an id need not be secret, and one of uuid4 costs a system call
_START = str(UUID(int=_random.getrandbits(128), version=4))[:-12]
_numbers = count(_random.getrandbits(47))


def _new_id() -> str:
    """An id in the form of a UUID: the random start of this process, and the next number after a random one."""
    return f"{_START}{next(_numbers):012x}"


def _answer_to(request: Request, refusal: Refused) -> Response:
    """The answer of a refusal, in the form of the protocol of the path."""
    return refused(refusal) if request.path.startswith("/v2/") else refusal.response


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
    headers = [(name, value) for name, value in result.headers.items() if name.lower() not in OF_THE_CONNECTION]
    if result.status_code >= 500:
        headers = [pair for pair in headers if pair[0].lower() != failed[0]] + [failed]
    "".join(name + value for name, value in headers).encode("latin-1")  # fails here for text that HTTP cannot transfer
    return Response(int(result.status_code), bytes(result.get_data()), headers)
