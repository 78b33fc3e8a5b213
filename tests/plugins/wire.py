"""A recorded network below the library requests: each request is recorded, and the answers are prepared.

The SDKs of Docker, MLflow and Azure ML above it are real, and so are their requests.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPResponse
from socket import socket
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse as Urllib3Response

Body = bytes | str | Mapping[str, Any] | list[Any]


@dataclass(frozen=True)
class Sent:
    """A request that would have left this machine."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    host: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """An answer, or an exception in its place."""

    body: Body = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Callable[[], Exception] | None = None


@dataclass
class Wire:
    """`answers` has the next answers for a method and an end of the path. The last answer is repeated."""

    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Body = b"", status: int = 200, **headers: str) -> None:
        """Answer a request with `body`, after the answers that were prepared for it before."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._next(method, path, Answer(body, status, named))

    def fail(self, method: str, path: str, error: Callable[[], Exception]) -> None:
        """Leave a request without an answer."""
        self._next(method, path, Answer(error=error))

    def _next(self, method: str, path: str, answer: Answer) -> None:
        self.answers.setdefault((method, path), []).append(answer)

    @property
    def lines(self) -> list[str]:
        """The requests, as `POST /path`."""
        return [sent.line for sent in self.sent]

    def like(self, method: str, path: str) -> list[Sent]:
        """The requests with a method and an end of the path."""
        return [sent for sent in self.sent if sent.method == method and sent.path.endswith(path)]

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        sent = _sent(request)
        self.sent.append(sent)
        answer = self.answer_to(sent)
        if answer.error is not None:
            raise answer.error()
        return _response(request, answer)

    def answer_to(self, sent: Sent) -> Answer:
        """The prepared answer to a request. Override it for a service that answers by its state."""
        keys = [key for key in self.answers if key[0] == sent.method and sent.path.endswith(key[1])]
        if not keys:
            pytest.fail(f"the test has no answer for {sent.line}")
        waiting = self.answers[max(keys, key=lambda key: len(key[1]))]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


W = TypeVar("W", bound=Wire)


def _sent(request: requests.PreparedRequest) -> Sent:
    parts = urlsplit(str(request.url))
    body: Any = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return Sent(
        method=str(request.method),
        path=parts.path,
        query=dict(parse_qsl(parts.query)),
        headers={name.lower(): str(value) for name, value in request.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
        host=parts.netloc,
    )


def _response(request: requests.PreparedRequest, answer: Answer) -> requests.Response:
    received = HTTPResponse(cast("socket", _Received(_bytes(answer))), method=request.method)
    received.begin()
    raw = Urllib3Response(
        body=received,
        headers=dict(received.getheaders()),
        status=received.status,
        reason=received.reason,
        original_response=received,
        preload_content=False,
        request_method=request.method,
    )
    return HTTPAdapter().build_response(request, raw)


def _bytes(answer: Answer) -> bytes:
    """The bytes of a server's answer, in one chunk if it has no length."""
    text = answer.body if isinstance(answer.body, bytes | str) else json.dumps(answer.body)
    content = text.encode() if isinstance(text, str) else text
    headers = {"Content-Type": "text/plain" if text is answer.body else "application/json", **answer.headers}
    if headers.get("Transfer-Encoding") == "chunked":
        content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
    else:
        headers["Content-Length"] = str(len(content))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} -\r\n{head}\r\n".encode() + content


class _Received:
    """The part of a socket that http.client reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)


def wire_of(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Replace the network with this record for every session of requests."""
    return connected(Wire(), monkeypatch)


def connected(wire: W, monkeypatch: pytest.MonkeyPatch) -> W:
    """A wire in the place of the network."""
    monkeypatch.setattr(HTTPAdapter, "send", lambda _self, request, **_: wire.send(request))
    return wire
