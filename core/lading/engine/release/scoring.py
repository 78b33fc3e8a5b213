"""The HTTP client for scoring URIs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...base.headers import retry_after
from ...errors import BadInput, StageFailed, Transient

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

    from ...model import Json, Secret

Result = TypeVar("Result")

NOT_READY = (502, 503)
"""The statuses with which a proxy or a server answers for a service that does not listen yet."""

_LONGEST = 64 << 20  # bytes of an answer
_NEXT = "`lading status` says whether it runs"
_LOOPBACK = ("127.", "localhost", "[::1]")


@dataclass(frozen=True)
class Answer:
    """The answer of a service. `body` has the bytes as received, and `retry_after` the seconds that it asks to wait."""

    status: int
    body: bytes
    retry_after: float | None = None

    def json(self) -> Json:
        """The body as JSON. Raises StageFailed if the status is not 200 or the body is not JSON."""
        if self.status != 200:
            raise StageFailed(f"the service answered {self.status}: {self.text(400)}")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise StageFailed(f"the service did not answer with JSON: {self.text(400)}") from None

    def text(self, length: int | None = None) -> str:
        """The body as text without control characters, cut to `length` characters."""
        text = self.body.decode("utf-8", "replace")[:length]
        return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def ask(uri: str, body: bytes, *, key: Secret | None = None, timeout: float = 60.0) -> Answer:
    """POST a JSON body to a scoring URI; `timeout` is in seconds, for the whole answer.

    Raises Transient if there is no whole answer in time, and StageFailed if it is too long. An HTTP error is an answer.
    """

    def read(response: Any) -> Answer:
        asked, date = (response.headers.get(name) for name in ("Retry-After", "Date"))
        return Answer(response.status, _read(uri, response), retry_after(asked, date=date))

    return _in_time(uri, timeout, lambda: _send(uri, body, key, timeout, read))


def reach(uri: str, *, key: Secret | None = None, timeout: float = 60.0) -> None:
    """GET an address. Any HTTP answer of the service counts, and its body is not read.

    Raises Transient if there is none in time, or if something else answers that the service is not ready.
    """
    status = _in_time(uri, timeout, lambda: _send(uri, None, key, timeout, lambda found: int(found.status)))
    if status in NOT_READY:
        raise Transient(f"{uri} answered {status}", hint=_NEXT)


def _in_time(uri: str, timeout: float, exchange: Callable[[], Result]) -> Result:
    """Exchange a request for its answer in a thread, with a limit for the whole answer.

    The time limit of a socket is one for each read, which a service that sends a byte each second never reaches.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(exchange())
        except BaseException as error:  # the calling thread raises it again
            failed.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(timeout)
    if failed:
        raise failed[0]
    if not done:
        raise Transient(f"{uri} does not answer within {timeout:.3g} s", hint=_NEXT)
    return done[0]


def _send(uri: str, body: bytes | None, key: Secret | None, timeout: float, read: Callable[[Any], Result]) -> Result:
    """POST a body, or GET if there is none; `read` takes the answer, also an HTTP error."""
    from http.client import HTTPException
    from urllib.request import Request

    headers = {} if body is None else {"content-type": "application/json"}
    if key is not None:
        headers["authorization"] = f"Bearer {key.reveal()}"
    request = Request(uri, data=body, headers=headers)
    try:
        with _answered(_opener(request.host), request, timeout) as response:
            return read(response)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Transient(f"{uri} does not answer: {reason}", hint=_NEXT) from error


def _answered(opener: OpenerDirector, request: Any, timeout: float) -> Any:
    """The open response; an HTTP error is one too."""
    from urllib.error import HTTPError

    try:
        return opener.open(request, timeout=timeout)
    except HTTPError as error:
        return error


def _opener(host: str) -> OpenerDirector:
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    class Unfollowed(HTTPRedirectHandler):
        """A redirect is the answer: another host must not get the key, and a redirected POST would become a GET."""

        def redirect_request(self, *_redirect: Any) -> None:
            return None

    # A proxy for outside addresses cannot reach this machine's loopback address.
    proxies = [ProxyHandler({})] if host.startswith(_LOOPBACK) else []
    return build_opener(Unfollowed, *proxies)


def _read(uri: str, response: Any) -> bytes:
    from http.client import IncompleteRead

    body: bytes = response.read(_LONGEST + 1)
    if len(body) > _LONGEST:
        raise StageFailed(f"{uri} answers with more than {_LONGEST >> 20} MiB")
    if response.length:
        raise IncompleteRead(body, response.length)
    return body


def encode(body: Json) -> bytes:
    """Encode a request body. Raises BadInput for values outside JSON, such as NaN."""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BadInput(f"the request is not JSON: {error}") from None
