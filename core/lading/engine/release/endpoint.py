"""An address of a service that answers requests: over HTTP, or through the target itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...base.headers import retry_after
from ...errors import StageFailed
from . import scoring

if TYPE_CHECKING:
    from ...model import Deployment, InvokeAnswer, InvokeRequest, Secret
    from .scoring import Answer

Invoke = Callable[["InvokeRequest"], "InvokeAnswer | None"]
"""Sends a request in the target's way. None if the request is to be sent over HTTP."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An address of a deployment, with the key and the headers that a request to it carries.

    `invoke` is set if the target sends requests itself.
    """

    deployment: Deployment
    uri: str
    key: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    invoke: Invoke | None = None

    def ask(self, body: bytes, *, timeout: float = 60.0) -> Answer:
        """POST a JSON body; `timeout` is in seconds, for the whole answer.

        Raises Transient if there is no whole answer in time, and StageFailed if it is too long. An HTTP error is an
        answer.
        """
        answer = self._invoked(body, timeout)
        return answer or scoring.ask(self.uri, body, key=self.key, timeout=timeout, headers=self.headers)

    def reach(self, *, timeout: float = 60.0) -> None:
        """Send a request without a body. Any HTTP answer of the service counts.

        Raises Transient if there is none in time, or if something else answers that the service is not ready.
        """
        answer = self._invoked(None, timeout)
        status = answer.status if answer else scoring.reach(self.uri, key=self.key, timeout=timeout)
        scoring.require_ready(self.uri, status)

    def relay(self, body: bytes | None, *, timeout: float = 60.0) -> InvokeAnswer:
        """Send the request of another client, and return the answer with its headers. A GET has no body.

        Raises like `ask`.
        """
        return self._given(body, timeout) or scoring.send(self._request(body, timeout))

    def _invoked(self, body: bytes | None, timeout: float) -> Answer | None:
        """Like `_given`, as an answer of the client for scoring URIs."""
        found = self._given(body, timeout)
        if found is None:
            return None
        headers = {name.lower(): value for name, value in found.headers.items()}
        wait = retry_after(headers.get("retry-after"), date=headers.get("date"))
        return scoring.Answer(found.status, found.body, wait)

    def _given(self, body: bytes | None, timeout: float) -> InvokeAnswer | None:
        """The answer that the target got. None if the target leaves the request to HTTP."""
        if self.invoke is None:
            return None
        invoke, request = self.invoke, self._request(body, timeout)
        found = scoring.in_time(self.uri, timeout, lambda: invoke(request))
        if found is not None and len(found.body) > scoring.LONGEST:
            raise StageFailed(scoring.too_long(self.uri))
        return found

    def _request(self, body: bytes | None, timeout: float) -> InvokeRequest:
        from ...model import InvokeRequest  # most targets are asked over HTTP

        scoring.check_key(self.uri, self.key)
        return InvokeRequest(
            deployment=self.deployment, uri=self.uri, body=body, key=self.key, headers=self.headers, timeout=timeout
        )
