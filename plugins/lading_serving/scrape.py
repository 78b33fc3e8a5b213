"""Ask a running service for its figures."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPException
from typing import Any

from .figures import FIGURES
from .pinned import connection_to, no_answer

_LIMIT = 3.0  # seconds; a service answers in milliseconds, or after a second if all its workers are busy
_MOST_BYTES = 1024 * 1024


class Unread(Exception):
    """The service does not show its figures. The message has the reason."""


def figures(uri: str, key: str = "", certificate: str = "") -> Any:
    """The figures of a service as JSON, from the host of its scoring URI.

    `certificate` is the SHA-256 of the one that it presents, if its scheme is https. Raises Unread, or OSError
    without a whole answer.
    """
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with closing(connection_to(uri, certificate, _LIMIT)) as connection:
        try:
            connection.request("GET", "/metrics", headers={"accept": FIGURES, **headers})
            response = connection.getresponse()
            body = response.read(_MOST_BYTES)
        except HTTPException as error:  # a worker that ends while it answers is replaced: asking again helps
            raise no_answer(error) from None
    if response.status != 200 or response.headers.get_content_type() != FIGURES:
        raise Unread(f"it answered {response.status} to the question for its figures")
    try:
        return json.loads(body)
    except ValueError:
        raise Unread("its figures are not JSON") from None
