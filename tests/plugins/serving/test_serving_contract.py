"""The same scripts and requests, sent to azureml-inference-server-http and to Lading's server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.serving.serving_kit import ECHO, Answer, Service, ask
from tests.waiting import eventually

ENV = {
    "SERVICE_NAME": "salary",
    "SERVICE_VERSION": "7",
    "SERVICE_PATH_PREFIX": "/api/",
    "SCORING_TIMEOUT_MS": "3000",
    "AML_CORS_ORIGINS": "https://one.example, https://two.example",
}
PLAIN = """
    import json, math, time
    import numpy
    from azureml.contrib.services.aml_response import AMLResponse

    def init():
        pass

    def hang():
        while True:
            time.sleep(0.01)

    def fail():
        raise ValueError("no")

    DO = {
        "none": lambda: None,
        "text": lambda: "t\\u00e4xt",
        "numbers": lambda: [1, 2.5, math.nan, math.inf, True, None],
        "object": lambda: {"a": {"b": []}, 1: 2},
        "array": lambda: numpy.arange(3),
        "set": lambda: {1},
        "fail": fail,
        "hang": hang,
        "timeout error": lambda: (_ for _ in ()).throw(TimeoutError("a socket's")),
        "exit": lambda: (_ for _ in ()).throw(SystemExit(1)),
        "response": lambda: AMLResponse("no good", 422),
        "bytes response": lambda: AMLResponse(b"\\x89PNG", 200, {"Content-Type": "image/png", "X-Two": "a, b"}),
        "json response": lambda: AMLResponse({"message": "\\u00e4"}, 400, json_str=True),
        "empty response": lambda: AMLResponse(None, 204),
        "none response": lambda: AMLResponse(None, 200, {"X-One": "1"}),
        "failed response": lambda: AMLResponse("bad", 503, run_function_failed=False),
        "flagged response": lambda: AMLResponse("ok", 200, {}, False, True),
        "own length": lambda: AMLResponse("12345", 200, {"Content-Length": "5"}),
        "bad header": lambda: AMLResponse("x", 200, {"X-One": "a\\nb"}),
        "list response": lambda: AMLResponse(["a", "b"], 200),
    }

    def run(raw_data, request_headers):
        if raw_data == "headers":
            return {name: request_headers[name] for name in sorted(request_headers) if name != "Host"}
        if raw_data.startswith("do "):
            return DO[raw_data[3:]]()
        return {"raw": raw_data}
"""
SCHEMA = """
    import numpy
    from inference_schema.schema_decorators import input_schema, output_schema
    from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
    from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType

    def init():
        pass

    @input_schema("data", NumpyParameterType(numpy.array([[1.0, 2.0]])))
    @input_schema("factor", StandardPythonParameterType(1.5))
    @output_schema(StandardPythonParameterType([1.0]))
    def run(data, factor=2.0):
        return (data.sum(axis=1) * factor).tolist()
"""
RAW = """
    import json
    from azureml.contrib.services.aml_request import AMLRequest, rawhttp
    from azureml.contrib.services.aml_response import AMLResponse

    def init():
        pass

    @rawhttp
    def run(request):
        if request.path != "/score":
            raise ValueError(request.path)
        seen = {
            "method": request.method,
            "full_path": request.full_path,
            "args": request.args.to_dict(flat=False),
            "form": request.form.to_dict(flat=False),
            "files": {name: file.read().decode() for name, file in request.files.items()},
            "data": request.get_data().decode("latin-1"),
            "is_json": request.is_json,
            "agent": request.headers.get("User-Agent"),
            "remote": request.headers.get("x-one"),
        }
        return AMLResponse(json.dumps(seen), 201, {"Content-Type": "application/json", "X-Raw": "yes"})
"""
SCRIPTS = {"plain": (PLAIN, ENV), "schema": (SCHEMA, ENV), "raw": (RAW, ENV), "open": (ECHO, {"AML_CORS_ORIGINS": "*"})}
OWN_SWAGGER = '{"openapi": "3.0.3", "info": {"title": "the script\'s own"}}'
JSON_TYPE = {"content-type": "application/json"}
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}
PREFLIGHT = {"origin": "https://one.example", "access-control-request-method": "POST"}


@dataclass(frozen=True)
class Case:
    """One request. `differs` names the row in the table of differences that it shows."""

    name: str
    body: bytes | None = None
    method: str = "POST"
    path: str = "/score"
    headers: dict[str, str] = field(default_factory=lambda: JSON_TYPE)
    script: str = "plain"
    differs: str = ""


def doing(*names: str, differs: str = "") -> list[Case]:
    return [Case(name, f"do {name}".encode(), differs=differs) for name in names]


def getting(*paths: str, script: str = "plain") -> list[Case]:
    return [Case(f"{script} GET {path}", method="GET", path=path, headers={}, script=script) for path in paths]


def asking(script: str, *bodies: bytes) -> list[Case]:
    return [Case(f"{script} {body!r}", body, script=script) for body in bodies]


CASES = [
    *doing("none", "text", "numbers", "object", "array", "set", "fail", "hang"),
    *doing("response", "bytes response", "json response", "empty response", "none response", "failed response"),
    *doing("flagged response", "own length", "bad header", "list response"),
    *doing("timeout error", differs="a TimeoutError of the script's own"),
    *doing("exit", differs="sys.exit() in run"),
    *asking("plain", b"", b"{}", "ünï ☃".encode(), b"\xff\xfe", b"plain text", b"headers", b"\x00", b"[" * 150),
    Case("deep JSON", b"[" * 300 + b"]" * 300, differs="JSON depth"),
    Case("no content type", b"x", headers={}),
    Case("text", b"x", headers={"content-type": "text/plain; charset=latin-1"}),
    Case("octets", b"x", headers={"content-type": "application/octet-stream"}),
    Case("form", b"a=1", headers=FORM_TYPE, differs="a form's content type"),
    Case("JSON as a form", b'{"a": 1}', headers=FORM_TYPE, differs="a form's content type"),
    Case("headers of all kinds", b"headers", headers={"x-one": "1", "X-TWO": "ä", "x_three": "3", "Accept": "*/*"}),
    *getting("/score", "/score?a=1", "/score?a=1&b=[1,2]&c=a&d=null", "/score?a=1&a=x&b=", "/score?a=%22%C3%BC%22+b"),
    *getting("/score?a", "/%73core?a=1", "/score?a=1;b=2", "/score?NaN=NaN", "/", "/?x=1"),
    *getting("/score/", "/nowhere", "/SCORE", "/swagger.json/", "/favicon.ico"),
    *getting("/swagger.json", *(f"/swagger.json?version={v}" for v in ("2", "2.0", "3", "3.0", "3.1", "4", ""))),
    *getting("/swagger.json", "/swagger.json?version=3", "/swagger.json?version=3.1", script="schema"),
    *[Case(f"{m} {p}", method=m, path=p) for m in ("PUT", "DELETE", "PATCH") for p in ("/score", "/", "/swagger.json")],
    *[Case(f"{m} {p}", method=m, path=p) for m in ("HEAD", "OPTIONS") for p in ("/score", "/", "/swagger.json", "/no")],
    *[Case(f"POST {p}", b"{}", path=p) for p in ("/", "/swagger.json", "/no")],
    Case("request id", b"{}", headers={"x-request-id": "r" * 100}),
    Case("empty request id", b"{}", headers={"x-request-id": ""}),
    Case("long request id", b"{}", headers={"x-request-id": "r" * 101, "x-ms-client-request-id": "c"}),
    Case("legacy id", b"{}", headers={"x-ms-request-id": "l"}),
    Case("client id", b"{}", headers={"x-ms-client-request-id": "c", "x-request-id": "r"}),
    Case("all ids", b"{}", headers={"x-ms-client-request-id": "c", "x-request-id": "r", "x-ms-request-id": "l"}),
    Case("long legacy id", b"{}", headers={"x-request-id": "r", "x-ms-request-id": "l" * 101}),
    Case("long client id", b"{}", headers={"x-ms-request-id": "l", "x-ms-client-request-id": "c" * 101}),
    Case("long id on /", method="GET", path="/", headers={"x-request-id": "r" * 101}),
    Case("long id on /no", method="GET", path="/no", headers={"x-request-id": "r" * 101}),
    Case("trace id", b"do fail", headers={"TraceId": "t-1", "x-request-id": "r"}),
    Case("trace id on /no", method="GET", path="/no", headers={"TraceId": "t-1"}),
    Case("origin", b"{}", headers={"origin": "https://one.example"}),
    Case("origin in capitals", b"{}", headers={"origin": "https://TWO.example"}),
    Case("strange origin", b"{}", headers={"origin": "https://one.example.org"}),
    Case("origin of a failure", b"do fail", headers={"origin": "https://two.example"}),
    Case("preflight", method="OPTIONS", headers={**PREFLIGHT, "access-control-request-headers": "x-b, Content-Type"}),
    Case("preflight without headers", method="OPTIONS", headers=PREFLIGHT),
    Case("preflight of PUT", method="OPTIONS", headers={**PREFLIGHT, "access-control-request-method": "PUT"}),
    Case("preflight of /", method="OPTIONS", path="/", headers=PREFLIGHT),
    *asking(
        "schema", b'{"data": [[1, 2], [3, 4]]}', b'{"data": [[1, 2]], "factor": 3.0}', b'{"data": [[1, 2]], "x": 1}'
    ),
    *asking("schema", b"", b"{", b"[1]", b"{}", b'{"factor": 1}', b'{"data": "x"}', b'{"data": [[1]], "factor": "x"}'),
    Case("schema, text", b"{}", headers={"content-type": "text/plain"}, script="schema"),
    Case("schema, no content type", b"{}", headers={}, script="schema"),
    Case("schema, JSON by suffix", b'{"data": [[1]]}', headers={"content-type": "application/x+json"}, script="schema"),
    Case("schema, not UTF-8", b'{"data": "\xff"}', script="schema", differs="undecodable JSON with @input_schema"),
    Case("schema HEAD", method="HEAD", script="schema"),
    Case("schema OPTIONS", method="OPTIONS", script="schema"),
    *getting("/score?data=[[1,2]]", "/score?data=[[1,2]]&factor=3.0", "/score?factor=3", script="schema"),
    Case("raw", b"\x00\xff", headers={"content-type": "image/png", "x-one": "1"}, script="raw"),
    Case("raw JSON", b"{}", script="raw"),
    Case("raw form", b"a=1&a=2&b=%20", headers=FORM_TYPE, script="raw"),
    Case(
        "raw file",
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="i.png"\r\n\r\npixels\r\n--b--\r\n',
        headers={"content-type": "multipart/form-data; boundary=b"},
        script="raw",
    ),
    Case("raw PUT", b"{}", method="PUT", script="raw"),
    Case("raw OPTIONS", method="OPTIONS", script="raw"),
    *getting("/score", "/score?a=1&a=2&b=%C3%BC", script="raw"),
    Case("any origin", b"{}", headers={"origin": "https://any.example"}, script="open"),
    Case("no origin", b"{}", script="open"),
    *getting("/swagger.json", "/swagger.json?version=3", "/swagger.json?version=3.1", script="open"),
    Case("doubled slashes", method="GET", path="//score?a=1", differs="doubled slashes"),
]

UNCOMPARED = {"server", "date", "connection", "content-length", "keep-alive"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Pair:
    """The addresses of the real server and of Lading's server for one script."""

    real: str
    ours: str


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pair]]:
    root = tmp_path_factory.mktemp("contract")
    real = {name: Real(root / f"real-{name}", *script) for name, script in SCRIPTS.items()}
    ours = {name: Service(root / name) for name in SCRIPTS}
    try:
        uris = {name: service.serve(1, *SCRIPTS[name]) for name, service in ours.items()}
        (ours["open"].folder.release(1) / "swagger3.json").write_text(OWN_SWAGGER)
        yield {name: Pair(real[name].uri(), uris[name]) for name in SCRIPTS}
    finally:
        for server in real.values():
            server.stop()
        for service in ours.values():
            service.stop()


class Real:
    """An azureml-inference-server-http in its own session."""

    def __init__(self, folder: Path, script: str, env: dict[str, str]) -> None:
        folder.mkdir()
        if "SERVICE_NAME" not in env:
            (folder / "swagger3.json").write_text(OWN_SWAGGER)
        (folder / "score.py").write_text(textwrap.dedent(script))
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.log = folder / "log"
        argv = [sys.executable, "-W", "ignore", "-m", "azureml_inference_server_http.amlserver"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*argv, "--entry_script", "score.py", "--port", str(self.port)],
                cwd=folder,
                env={"PATH": os.environ["PATH"], "AML_APP_ROOT": str(folder), **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def uri(self) -> str:
        def up() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            with closing(socket.socket()) as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        eventually(up, "the real server listens", 60)
        return f"http://127.0.0.1:{self.port}/score"

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if not case.differs], ids=lambda case: case.name)
def test_both_servers_give_the_same_response(pairs: dict[str, Pair], case: Case) -> None:
    pair = pairs[case.script]
    assert observed(put(pair.ours, case)) == observed(put(pair.real, case))


EXPECTED = {
    "a TimeoutError of the script's own": (500, "An unexpected error occurred in scoring script. Check the logs"),
    "sys.exit() in run": (500, "An unexpected error occurred in scoring script. Check the logs"),
    "doubled slashes": (404, "The requested URL was not found on the server."),
    "JSON depth": (400, "the JSON must not nest deeper than 200 levels"),
    "a form's content type": (415, "send the body with the header 'content-type: application/json'"),
    "undecodable JSON with @input_schema": (400, "POST body could not be decoded as JSON"),
}


@pytest.mark.parametrize("case", [case for case in CASES if case.differs], ids=lambda case: case.name)
def test_a_listed_difference_really_exists(pairs: dict[str, Pair], case: Case) -> None:
    ours = put(pairs[case.script].ours, case)
    status, message = EXPECTED[case.differs]
    assert ours.status == status
    assert ours.json["message"].startswith(message)
    try:
        real = put(pairs[case.script].real, case)
    except OSError:
        return  # the real server's worker has ended
    assert observed(real) != observed(ours)


def put(uri: str, case: Case) -> Answer:
    return ask(uri, case.body, case.method, case.headers, case.path)


def observed(answer: Answer) -> dict[str, Any]:
    """The parts of a response in the contract: status, body, and the headers that not every HTTP server adds."""
    headers = sorted((name, _plain(name, value)) for name, value in answer.pairs if name not in UNCOMPARED)
    return {"status": answer.status, "headers": headers, "body": _without_prose(answer.body)}


def _plain(name: str, value: str) -> str:
    if name == "x-ms-server-version":
        return "some server"
    if name == "x-ms-run-fn-exec-ms":
        return re.sub(r"^\d+\.\d{3}$", "N.NNN", value)
    if name == "allow":
        return ", ".join(sorted(value.split(", ")))
    return UUID.sub("UUID", value)


def _without_prose(body: bytes) -> object:
    """Remove the descriptions in swagger.json. Each server has its own, and only Lading's match the responses."""
    try:
        content = json.loads(body)
    except ValueError:
        return body
    return _compared(content) if isinstance(content, dict) and "paths" in content else body


PROSE = {"description", "responses", "produces"}
UNDECLARED: tuple[dict[str, Any], ...] = ({"type": "object", "example": {}}, {"example": {}})


def _compared(content: Any) -> Any:
    if isinstance(content, dict):
        compared = {name: value for name, value in content.items() if name not in PROSE}
        if compared.get("ServiceOutput") in UNDECLARED:
            del compared["ServiceOutput"]
        return {name: _compared(value) for name, value in compared.items()}
    return [_compared(value) for value in content] if isinstance(content, list) else content
