"""A scoring script in this process: its forms, and the response to each request."""

from __future__ import annotations

import json
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lading_serving import tls
from lading_serving.contract import Contract
from lading_serving.messages import Request, Response
from lading_serving.script import Script, ScriptError
from lading_serving.spec import Limits

Load = Callable[..., Script]
Serve = Callable[..., Contract]

ECHO = "def init(): pass\ndef run(raw_data): return raw_data\n"
JSON = {"content-type": "application/json"}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads a script with this text. After the test, the alarm and the modules of this process are restored."""
    alarm, timer = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    monkeypatch.setattr("lading_serving.aml_request._rawHttpRequested", False)
    modules = dict(sys.modules)

    def load(text: str, timeout: float = 60) -> Script:
        file = tmp_path / "score.py"
        file.write_text(textwrap.dedent(text))
        return Script(file, timeout)

    yield load
    for name in sys.modules.keys() - modules.keys():
        if name.partition(".")[0] == "azureml":
            del sys.modules[name]
    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, *timer)


@pytest.fixture
def serve(load: Load, tmp_path: Path) -> Serve:
    def serve(text: str = ECHO, timeout: float = 60, limits: Limits | None = None, **env: str) -> Contract:
        return Contract(load(text, timeout), {"AML_APP_ROOT": str(tmp_path), **env}, limits or Limits())

    return serve


def ask(
    contract: Contract,
    path: str = "/score",
    method: str = "POST",
    body: bytes = b"{}",
    query: str = "",
    sent: Mapping[str, str] | None = None,
) -> Response:
    return contract(Request(method, path, query, {**JSON, **(sent or {})}, body))


def headers(response: Response) -> dict[str, str]:
    assert len(dict(response.headers)) == len(response.headers)
    return dict(response.headers)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("def run(data): pass", ScriptError, r"the scoring script score\.py has no init\(\)"),
        ("def init(): pass", ScriptError, r"the scoring script score\.py has no run\(\)"),
        ("def init(): pass\ndef run(): pass", ScriptError, r"run\(\) needs an argument for the input data"),
        ("def init(): pass\nif 1:\n  async def run(data): pass", ScriptError, r"run\(\) is defined with async def"),
        ("def run(data): pass\nif 1:\n  async def init(): pass", ScriptError, r"init\(\) is defined with async def"),
        ("def init(): pass\ndef run(request_headers): pass", ScriptError, r"run\(\) needs an argument"),
        ("def init(): pass\ndef run(*data): pass", ScriptError, r"cannot accept positional-only arguments, \*args"),
        ("def init(): pass\ndef run(data, /): pass", ScriptError, "cannot accept positional-only arguments"),
        ("def init(): pass\ndef run(data, **more): pass", ScriptError, r"or \*\*kwargs"),
        ("def init(:", SyntaxError, "score.py"),
        ("import no_such_module_at_all", ModuleNotFoundError, "no_such_module_at_all"),
    ],
)
def test_a_script_that_cannot_be_served_is_reported(
    load: Load, text: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(text)


def test_a_script_is_a_python_file(tmp_path: Path) -> None:
    (tmp_path / "score.txt").write_text(ECHO)
    with pytest.raises(ScriptError, match=r"the scoring script score\.txt is not a Python file"):
        Script(tmp_path / "score.txt", 60)


def test_the_wrapper_of_azures_sdk_around_a_script_is_recognized(load: Load) -> None:
    text = """
        import types
        driver_module = types.ModuleType("driver_module")
        driver_module.run = lambda inner: "inner " + inner
        def init(): pass
        def run(outer): return "outer"
    """
    assert load(text).call(Request("POST", "/score", "", JSON, b"data"))[0] == "inner data"


def test_azures_modules_are_available_to_a_script_and_form_its_response(serve: Serve) -> None:
    text = """
        from azureml.contrib.services.aml_request import AMLRequest, rawhttp
        from azureml.contrib.services.aml_response import AMLResponse
        def init(): pass
        @rawhttp
        def run(request):
            assert isinstance(request, AMLRequest)
            return AMLResponse(request.get_data() + request.method.encode(), 418, {"x-tea": "green, black"})
    """
    answer = ask(serve(text), method="HEAD", body=b"asked ")
    assert (answer.status, answer.body) == (418, b"asked HEAD")
    assert [value for name, value in answer.headers if name == "x-tea"] == ["green", "black"]


def test_the_headers_of_the_connection_are_not_those_of_a_script(serve: Serve) -> None:
    text = """
        from azureml.contrib.services.aml_response import AMLResponse
        def init(): pass
        def run(data):
            own = {"Connection": "close", "Transfer-Encoding": "chunked", "Date": "x", "A": "b"}
            return AMLResponse("tea", 200, own)
    """
    found = headers(ask(serve(text)))
    assert found["A"] == "b"
    assert not {"Connection", "Transfer-Encoding", "Date"} & found.keys()


def test_a_raw_request_has_a_body_of_chunks_and_no_ambiguous_header(load: Load) -> None:
    script = load("""
        from azureml.contrib.services.aml_request import rawhttp
        def init(): pass
        @rawhttp
        def run(request):
            return [request.get_data().decode(), request.headers["x-a"]]
    """)
    sent = {**JSON, "transfer-encoding": "chunked", "x-a": "1", "x_a": "2"}
    assert script.call(Request("POST", "/score", "", sent, b"tea"))[0] == ["tea", "1"]


@pytest.mark.parametrize(("cert", "root"), [("", "http://ml.example:80/"), ("service.crt", "https://ml.example:443/")])
def test_a_raw_request_has_the_scheme_of_the_service(
    load: Load, monkeypatch: pytest.MonkeyPatch, cert: str, root: str
) -> None:
    monkeypatch.setenv(tls.CERTIFICATE, cert)
    script = load("""
        from azureml.contrib.services.aml_request import rawhttp
        def init(): pass
        @rawhttp
        def run(request):
            return f"{request.scheme}://{request.server[0]}:{request.server[1]}/"
    """)
    assert script.call(Request("POST", "/score", "", {**JSON, "host": "ml.example"}, b"tea"))[0] == root


def test_headers_reach_run_in_title_case_without_ambiguous_names(load: Load) -> None:
    script = load("def init(): pass\ndef run(data, request_headers): return request_headers\n")
    sent = {**JSON, "x-a-b": "1", "x_a_b": "2"}
    assert script.call(Request("POST", "/score", "", sent, b""))[0] == {
        "Content-Type": JSON["content-type"],
        "X-A-B": "1",
    }


@pytest.mark.parametrize(
    ("returned", "body"),
    [
        ("None", b"{}"),
        ("[1, 2.5]", b"[1, 2.5]"),
        ("'text'", b'"text"'),
        ("'[1]'", b'"[1]"'),
        ("{'a': None}", b'{"a": null}'),
        ("float('nan')", b"NaN"),
    ],
)
def test_a_result_is_sent_as_json(serve: Serve, returned: str, body: bytes) -> None:
    answer = ask(serve(f"def init(): pass\ndef run(data): return {returned}\n"))
    assert (answer.status, answer.body) == (200, body)
    assert headers(answer)["x-ms-run-function-failed"] == "False"
    assert float(headers(answer)["x-ms-run-fn-exec-ms"]) >= 0


@pytest.mark.parametrize(
    ("body", "run_failed"),
    [
        ("raise ValueError('no')", "True"),
        ("import sys; sys.exit(1)", "True"),
        ("raise TimeoutError('my own')", "True"),
        ("raise KeyboardInterrupt", "True"),
        ("return object()", "False"),
        ("return {1: {2}}", "False"),
    ],
)
def test_a_script_error_is_a_500_and_its_reason_is_only_in_the_log(
    serve: Serve, capfd: pytest.CaptureFixture[str], body: str, run_failed: str
) -> None:
    answer = ask(serve(f"def init(): pass\ndef run(data):\n    {body}\n"))
    assert answer.status == 500
    part = "in scoring script" if run_failed == "True" else "internal error occurred"
    message = json.loads(answer.body)["message"]
    assert part in message
    assert message.endswith("Check the logs for more info.")
    assert headers(answer)["x-ms-run-function-failed"] == run_failed
    assert "Traceback" in capfd.readouterr().err


def test_a_run_beyond_its_time_limit_is_stopped(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    text = "import time\ndef init(): pass\ndef run(data):\n    while True: time.sleep(0.001)\n"
    answer = ask(serve(text, timeout=0.02))
    assert (answer.status, answer.body) == (500, b'{"message": "Scoring timeout after 20 ms"}')
    assert headers(answer)["x-ms-run-function-failed"] == "True"
    assert "ScoringTimeout" in capfd.readouterr().err
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_the_alarm_is_off_after_run_in_every_case(load: Load) -> None:
    script = load("def init(): pass\ndef run(data): return 1 / len(data)\n", timeout=900)
    for body in (b"data", b""):
        try:
            script.call(Request("POST", "/score", "", JSON, body))
        except ZeroDivisionError:
            assert body == b""
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        signal.raise_signal(signal.SIGALRM)  # a late alarm stops nothing


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 200),
        ("/", "HEAD", 200),
        ("/", "OPTIONS", 200),
        ("/", "POST", 405),
        ("/score", "GET", 200),
        ("/score", "POST", 200),
        ("/score", "OPTIONS", 200),
        ("/score", "HEAD", 405),
        ("/score", "PUT", 405),
        ("/swagger.json", "GET", 200),
        ("/swagger.json", "OPTIONS", 200),
        ("/swagger.json", "DELETE", 405),
        ("//score", "POST", 404),
        ("/score/", "POST", 404),
        ("/Score", "POST", 404),
        ("*", "OPTIONS", 404),
    ],
)
def test_each_route_has_its_methods(serve: Serve, path: str, method: str, status: int) -> None:
    answer = ask(serve(), path, method)
    assert answer.status == status
    if status >= 400:
        assert json.loads(answer.body)["message"]


def test_health_and_options_are_answered_without_the_script(serve: Serve) -> None:
    contract = serve("def init(): pass\ndef run(data): raise OSError\n")
    html = "text/html; charset=utf-8"
    assert ask(contract, "/", "GET").body == b"Healthy"
    for path in ("/", "/swagger.json"):
        answer = ask(contract, path, "OPTIONS", sent={"x-request-id": "7"})
        assert answer.headers[:2] == [("content-type", html), ("allow", "GET, HEAD, OPTIONS")]
        assert answer.body == b""
    answer = ask(contract, "/score", "OPTIONS", sent={"x-request-id": "7"})
    assert answer.headers[:2] == [("content-type", html), ("x-ms-run-function-failed", "False")]


LONG = "a" * 101


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"x-request-id": "1"}, {"x-request-id": "1", "x-ms-request-id": "1"}),
        ({"x-request-id": ""}, {}),
        (
            {"x-request-id": "1", "x-ms-request-id": "2"},
            dict.fromkeys(("x-ms-request-id", "x-ms-client-request-id"), "2"),
        ),
        (
            {"x-request-id": "1", "x-ms-client-request-id": "3"},
            dict.fromkeys(("x-ms-request-id", "x-ms-client-request-id"), "3"),
        ),
        (
            {"x-request-id": "1", "x-ms-request-id": "2", "x-ms-client-request-id": "3"},
            {"x-ms-request-id": "2", "x-ms-client-request-id": "3"},
        ),
        ({"x-request-id": LONG[:100]}, {"x-request-id": LONG[:100]}),
    ],
)
def test_the_ids_of_a_request_are_echoed(serve: Serve, given: dict[str, str], expected: dict[str, str]) -> None:
    ids = {name: value for name, value in headers(ask(serve(), "/", "GET", sent=given)).items() if name.endswith("-id")}
    assert {**ids, **expected} == ids
    assert bool(ids) is bool(given["x-request-id"])


def test_a_request_without_an_id_gets_one(serve: Serve) -> None:
    contract = serve()
    first, second = (headers(ask(contract, "/", "GET"))["x-request-id"] for _ in range(2))
    assert len(first) == len(second) == 36
    assert first != second


@pytest.mark.parametrize("name", ["x-request-id", "x-ms-request-id", "x-ms-client-request-id"])
def test_a_long_id_is_refused(serve: Serve, name: str) -> None:
    answer = ask(serve(), sent={name: LONG})
    assert answer.status == 431
    assert b"must not exceed 100 characters" in answer.body
    assert LONG not in [value for _, value in answer.headers]


def test_every_response_has_the_server_the_trace_and_the_origins(serve: Serve) -> None:
    contract = serve(HTTP_X_MS_SERVER_VERSION="lading/1", AML_CORS_ORIGINS="https://a.example")
    for path, method in (("/", "GET"), ("/score", "POST"), ("/swagger.json", "GET")):
        found = headers(ask(contract, path, method, sent={"traceid": "t", "origin": "https://a.example"}))
        assert (found["x-ms-server-version"], found["TraceId"]) == ("lading/1", "t")
        assert found["access-control-allow-origin"] == "https://a.example"
    assert not {"x-ms-server-version", "TraceId", "access-control-allow-origin"} & headers(ask(serve())).keys()


@pytest.mark.parametrize(("body", "query"), [(b"[[[1]]]", ""), (b"", "a=1&b=[[[1]]]")])
def test_deep_json_never_reaches_the_script(serve: Serve, body: bytes, query: str) -> None:
    contract = serve("def init(): pass\ndef run(data): raise SystemExit\n", limits=Limits(max_depth=2))
    answer = ask(contract, body=body, query=query)
    assert (answer.status, answer.body) == (400, b'{"message": "the JSON must not nest deeper than 2 levels"}')


def described(contract: Contract, version: str) -> Any:
    answer = ask(contract, "/swagger.json", "GET", query=f"version={version}")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


DEFAULT = {
    "200": {"description": "The answer of the model", "schema": {"$ref": "#/definitions/ServiceOutput"}},
    "default": {"description": "The service failed", "schema": {"$ref": "#/definitions/ErrorResponse"}},
}
SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "salary", "description": "How to call salary", "version": "3"},
    "schemes": ["https"],
    "consumes": ["application/json"],
    "produces": ["application/json"],
    "securityDefinitions": {
        "Bearer": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "description": "For example: Bearer abc123",
        }
    },
    "paths": {
        "/pay/": {
            "get": {
                "operationId": "ServiceHealthCheck",
                "description": "Answers while the service is up",
                "produces": ["text/html", "application/json"],
                "responses": {
                    "200": {
                        "description": "Always 'Healthy'",
                        "schema": {"type": "string"},
                        "examples": {"text/html": "Healthy"},
                    },
                    "default": DEFAULT["default"],
                },
            }
        },
        "/pay/score": {
            "post": {
                "operationId": "RunMLService",
                "description": "Run the model on the request",
                "security": [{"Bearer": []}],
                "parameters": [
                    {
                        "name": "serviceInputPayload",
                        "in": "body",
                        "description": "The input of the model",
                        "schema": {"$ref": "#/definitions/ServiceInput"},
                    }
                ],
                "responses": DEFAULT,
            }
        },
        "/pay/swagger.json": {
            "get": {
                "operationId": "GetSwaggerSpec",
                "description": "Return this description",
                "parameters": [
                    {"name": "version", "in": "query", "required": False, "type": "integer", "enum": [2, 3]}
                ],
                "responses": {
                    "200": {"description": "This description", "schema": {"type": "object"}},
                    "default": DEFAULT["default"],
                },
            }
        },
    },
    "definitions": {
        "ServiceInput": {"type": "object", "example": {}},
        "ServiceOutput": {"example": {}},
        "ErrorResponse": {"type": "object", "properties": {"message": {"type": "string"}}},
    },
}


def test_the_swagger_2_description_of_a_script_is_complete(serve: Serve) -> None:
    contract = serve(SERVICE_NAME="salary", SERVICE_VERSION="3", SERVICE_PATH_PREFIX="/pay/")
    assert described(contract, "2") == SWAGGER
    assert described(contract, "2.0") == SWAGGER
    assert json.loads(ask(contract, "/swagger.json", "GET").body) == SWAGGER


@pytest.mark.parametrize(("version", "openapi"), [("3", "3.0.3"), ("3.0", "3.0.3"), ("3.1", "3.1.0")])
def test_the_openapi_3_description_of_a_script_is_complete(serve: Serve, version: str, openapi: str) -> None:
    document = described(serve(SERVICE_NAME="salary", SERVICE_VERSION="3", SERVICE_PATH_PREFIX="pay"), version)
    assert (document["openapi"], document["info"]) == (openapi, SWAGGER["info"])
    assert document["paths"].keys() == {"/pay/", "/pay/score", "/pay/swagger.json"}
    assert document["components"]["schemas"] == SWAGGER["definitions"]
    score = document["paths"]["/pay/score"]["post"]
    assert score["requestBody"] == {
        "description": "The input of the model",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ServiceInput"}}},
    }
    assert score["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/ServiceOutput"}}
    }
    references = {text for text in json.dumps(document).split('"') if text.startswith("#/")}
    assert references == {f"#/components/schemas/Service{each}" for each in ("Input", "Output")} | {
        "#/components/schemas/ErrorResponse"
    }


@pytest.mark.parametrize("version", ["1", "", "2.1", "a<b>"])
def test_an_unknown_version_of_the_description_is_not_found(serve: Serve, version: str) -> None:
    answer = ask(serve(), "/swagger.json", "GET", query=f"version={version}")
    message = f"Swagger version [{version}] is not valid. Supported versions: [2, 3, 3.1]."
    assert (answer.status, json.loads(answer.body)) == (404, {"message": message})


@pytest.mark.parametrize(("name", "version"), [("swagger.json", "2"), ("swagger2.json", "2"), ("swagger3.json", "3")])
def test_a_description_in_the_apps_folder_comes_first(serve: Serve, tmp_path: Path, name: str, version: str) -> None:
    (tmp_path / name).write_text('{"mine": true}')
    contract = serve()
    assert described(contract, version) == {"mine": True}
    assert "info" in described(contract, "3.1")
