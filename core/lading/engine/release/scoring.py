"""The HTTP client for scoring URIs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ...base.headers import retry_after
from ...base.words import plain_words
from ...errors import BadInput, StageFailed, Transient

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

    from ...model import InvokeAnswer, InvokeRequest, Json, Secret
    from .wire import Wire

Result = TypeVar("Result")

NOT_READY = (502, 503, 504)
"""The statuses with which a proxy or a server answers for a service that does not listen or answer yet."""

LONGEST = 64 << 20  # bytes of an answer
_MOST_READ = 64 << 10  # bytes of an answer for a message
_NEXT = "`lading status` says whether it runs"


@dataclass(frozen=True)
class Answer:
    """The answer of a service. `body` has the bytes as received, and `retry_after` the seconds that it asks to wait."""

    status: int
    body: bytes
    retry_after: float | None = None

    def json(self) -> Json:
        """The body as JSON. Raises StageFailed if the status is not 200 or the body is not JSON."""
        if self.status != 200:
            raise StageFailed(f"the service answered {self.status}: {self.words(400)}")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise StageFailed(f"the service did not answer with JSON: {self.words(400)}") from None

    def text(self, length: int | None = None) -> str:
        """The body as text without control characters, cut to `length` characters."""
        return _printable(self.body.decode("utf-8", "replace")[:length])

    def words(self, length: int) -> str:
        """The text for a message. Of a web page, its title or its first sentence."""
        return _printable(plain_words(self.body[:_MOST_READ].decode("utf-8", "replace"))[:length])


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def ask(
    uri: str,
    body: bytes,
    *,
    key: Secret | None = None,
    timeout: float = 60.0,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """POST a JSON body to a scoring URI; `timeout` is in seconds, for the whole answer. `headers` are sent too.

    Raises Transient if there is no whole answer in time, and StageFailed if it is too long. An HTTP error is an answer.
    """

    def read(response: Any) -> Answer:
        asked, date = (response.headers.get(name) for name in ("Retry-After", "Date"))
        return Answer(response.status, _read(uri, response), retry_after(asked, date=date))

    return _exchanged(uri, body, key, timeout, read, more=headers)


def reach(uri: str, *, key: Secret | None = None, timeout: float = 60.0) -> int:
    """GET an address, and return the status of the answer. Its body is not read. Raises Transient if there is none."""
    return _exchanged(uri, None, key, timeout, lambda found: int(found.status))


def send(request: InvokeRequest) -> InvokeAnswer:
    """Send a request over HTTP, and return the answer with its headers. Raises like `ask`."""
    from ...model import InvokeAnswer  # most answers need only their bodies

    uri, timeout = request.uri, request.timeout

    def read(response: Any) -> InvokeAnswer:
        return InvokeAnswer(status=response.status, body=_read(uri, response), headers=dict(response.headers))

    return _exchanged(uri, request.body, request.key, timeout, read, more=request.headers)


def require_ready(uri: str, status: int) -> None:
    """Raise Transient if something else answered that the service is not ready."""
    if status in NOT_READY:
        raise Transient(f"{uri} answered {status}", hint=_NEXT)


def too_long(uri: str) -> str:
    """The message about an answer that is too long."""
    return f"{uri} answers with more than {LONGEST >> 20} MiB"


def check_key(uri: str, key: Secret | None) -> None:
    """Raise StageFailed for a key that no header can have. HTTP clients quote such a key in their own errors."""
    text = key.reveal() if key else ""
    if not (text.isascii() and text.isprintable()):
        raise StageFailed(f"the key of {uri} cannot be sent", hint="a key is one line of ASCII characters")


def in_time(
    uri: str, timeout: float, exchange: Callable[[], Result], abandon: Callable[[], None] = lambda: None
) -> Result:
    """Exchange a request for its answer in a thread, with a limit for the whole answer.

    The time limit of a socket is one for each read, which a service that sends a byte each second never reaches.
    `abandon` ends an exchange that is late, because its thread and its connection would stay.
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
        abandon()
        raise Transient(f"{uri} does not answer within {timeout:.3g} s", hint=_NEXT)
    return done[0]


def _exchanged(
    uri: str,
    body: bytes | None,
    key: Secret | None,
    timeout: float,
    read: Callable[[Any], Result],
    *,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """POST a body, or GET if there is none; `read` takes the answer, also an HTTP error."""
    from .wire import Wire  # most commands send no request

    check_key(uri, key)
    headers = dict(more) if body is None else {**more, "content-type": "application/json"}
    if key is not None:
        headers["authorization"] = f"Bearer {key.reveal()}"
    wire = Wire()
    return in_time(uri, timeout, lambda: _send(uri, body, headers, timeout, read, wire=wire), wire.close)


def _send(
    uri: str, body: bytes | None, headers: dict[str, str], timeout: float, read: Callable[[Any], Result], *, wire: Wire
) -> Result:
    from http.client import HTTPException
    from urllib.request import Request

    from .wire import opener

    request = Request(uri, data=body, headers=headers)
    try:
        with _answered(opener(request.host, wire), request, timeout) as response:
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


def _read(uri: str, response: Any) -> bytes:
    from http.client import IncompleteRead

    body: bytes = response.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise StageFailed(too_long(uri))
    if response.length:
        raise IncompleteRead(body, response.length)
    return body


def encode(body: Json) -> bytes:
    """Encode a request body. Raises BadInput for values outside JSON, such as NaN."""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BadInput(f"the request is not JSON: {error}") from None
