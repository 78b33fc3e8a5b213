"""Questions to the engine that every command may ask: by its socket alone, as the SDK takes long to load."""

from __future__ import annotations

import json
import os
import socket
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote, urlsplit

from lading import Json, StageFailed

from .address import place, unreachable

_TIMEOUT = 60.0


def inspect(container: str) -> Json:
    """What the engine says of a container, by its name or id; None where there is none.

    Raises Transient where no engine answers, and StageFailed where it refuses.
    """
    kind = urlsplit(place()).scheme
    if kind == "unix" or (kind == "tcp" and not os.environ.get("DOCKER_TLS_VERIFY")):
        return _get(f"/containers/{quote(container, safe='')}/json")
    from .engine import Engine  # ssh and TLS are the SDK's to speak

    return Engine().container(container)


def _get(path: str) -> Json:
    connection = _Connection()
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise unreachable("asking for a container") from error
    finally:
        connection.close()
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise StageFailed(f"the engine answered {answer.status}: {body[:500].decode('utf-8', 'replace')}")
    return json.loads(body)


class _Connection(HTTPConnection):
    """A connection to the engine, over its socket."""

    def __init__(self) -> None:
        self._place = urlsplit(place())
        super().__init__(self._place.hostname or "localhost", self._place.port or 2375, timeout=_TIMEOUT)

    def connect(self) -> None:
        if self._place.scheme != "unix":
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(self._place.path)
