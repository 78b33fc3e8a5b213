"""Requests to a service whose certificate is known.

The service has to present this very certificate. So neither an authority nor a host name is needed. A service with a
self-signed certificate is reached as safely as any other, also by its address.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

_MOST_BYTES = (64 << 20) + 1  # of an answer; Lading refuses one that is as long


class Reply(NamedTuple):
    """The answer of a service."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def connection_to(uri: str, certificate: str, timeout: float) -> http.client.HTTPConnection:
    """A connection for one request to the host of a URI. `timeout` is in seconds, for each step.

    If the scheme is https, it raises OSError on the first request to a service that does not present the certificate
    with this SHA-256, before it sends anything.
    """
    parts = urlsplit(uri)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.netloc, timeout=timeout)
    from .pinning import Pinned

    return Pinned(parts.netloc, certificate, timeout)


def no_answer(error: http.client.HTTPException) -> OSError:
    """The reason why no whole answer has arrived."""
    if isinstance(error, http.client.RemoteDisconnected):
        return ConnectionResetError("it closed the connection without an answer")
    if isinstance(error, http.client.IncompleteRead):
        return ConnectionResetError("its answer has ended too early")
    return OSError(f"it answered with bytes that are not HTTP: {error!r}")


def send(
    uri: str, body: bytes | None, headers: Mapping[str, str], *, key: str, certificate: str, timeout: float
) -> Reply:
    """POST a JSON body, or GET without one. Raises OSError if no whole answer arrives."""
    sent = {**headers, **({"content-type": "application/json"} if body is not None else {})}
    sent |= {"authorization": f"Bearer {key}"} if key else {}
    with closing(connection_to(uri, certificate, timeout)) as connection:
        try:
            connection.request("GET" if body is None else "POST", urlsplit(uri).path, body, sent)
            answer = connection.getresponse()
            content = answer.read(_MOST_BYTES)
        except http.client.HTTPException as error:
            raise no_answer(error) from error
        if answer.length and len(content) < _MOST_BYTES:
            raise ConnectionResetError("its answer has ended too early")
        return Reply(answer.status, content, dict(answer.headers))
