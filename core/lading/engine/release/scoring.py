"""The HTTP client that asks a scoring URI."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import BadInput, StageFailed, Transient

if TYPE_CHECKING:
    from ...model import Json, Secret

_LOOPBACK = ("127.", "localhost", "[::1]")


@dataclass(frozen=True)
class Answer:
    """What a service answered; `body` is as it came."""

    status: int
    body: bytes

    def json(self) -> Json:
        """The body as JSON. Raises StageFailed where the service did not answer 200, or not with JSON."""
        if self.status != 200:
            raise StageFailed(f"the service answered {self.status}: {self.text(400)}")
        try:
            return json.loads(self.body)
        except ValueError:
            raise StageFailed(f"the service did not answer with JSON: {self.text(400)}") from None

    def text(self, length: int | None = None) -> str:
        """The body as text without control characters, cut to `length` characters."""
        text = self.body.decode("utf-8", "replace")[:length]
        return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def ask(uri: str, body: bytes, *, key: Secret | None = None, timeout: float = 60.0) -> Answer:
    """POST a JSON body to a scoring URI; `timeout` is in seconds.

    Raises Transient where nothing answers in time. An HTTP error is an answer.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    headers = {"content-type": "application/json"}
    if key is not None:
        headers["authorization"] = f"Bearer {key.reveal()}"
    request = Request(uri, data=body, headers=headers, method="POST")
    # A proxy set for the world outside cannot reach this machine's loopback.
    opener = build_opener(ProxyHandler({})) if request.host.startswith(_LOOPBACK) else build_opener()
    try:
        with opener.open(request, timeout=timeout) as response:
            return Answer(response.status, response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read())
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise Transient(f"{uri} does not answer: {reason}", hint="`lading status` says whether it runs") from error


def encode(body: Json) -> bytes:
    """A request body. Raises BadInput for what JSON cannot say, such as NaN."""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BadInput(f"the request is not JSON: {error}") from None
