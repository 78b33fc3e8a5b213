"""Queries to the engine that any command may make. They use its socket directly, because the SDK loads slowly."""

from __future__ import annotations

import json
import os
import socket
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote, urlsplit

from lading import Json, StageFailed

from .address import place, unreachable

_TIMEOUT = 60.0


def inspect(container: str) -> Json:
    """The engine's description of a container, by name or id. None if it does not exist.

    Raises Transient if no engine responds, and StageFailed if it reports an error.
    """
    if _speaks_plainly():
        return _get(f"/containers/{quote(container, safe='')}/json")
    from .engine import Engine  # only the SDK supports ssh and TLS

    return Engine().container(container)


def labelled(label: str) -> list[str]:
    """The ids of all containers with a label, including stopped ones. Raises like `inspect`."""
    if _speaks_plainly():
        found = _get(f"/containers/json?all=1&filters={quote(json.dumps({'label': [label]}))}")
        return [container["Id"] for container in found or ()]
    from .engine import Engine

    return Engine().labelled(label)


def deaths(container: str) -> tuple[Json, ...]:
    """The events `die` and `oom` of a container that the engine remembers, oldest first. Raises like `inspect`."""
    filters = {"container": [container], "event": ["die", "oom"]}
    until = int(time.time())
    if not _speaks_plainly():
        from .engine import Engine

        return Engine().events(until, filters)
    query = f"since=0&until={until}&filters={quote(json.dumps(filters))}"
    return tuple(_get(f"/events?{query}", lines=True) or ())


def platform() -> str:
    """The platform of the engine, such as `linux/amd64`. Raises like `inspect`."""
    if _speaks_plainly():
        found = _get("/version")
    else:
        from .engine import Engine

        found = Engine().version()
    return f"{found['Os']}/{found['Arch']}"


def networks() -> tuple[str, ...]:
    """The names of the engine's networks. Raises like `inspect`."""
    if _speaks_plainly():
        return tuple(network["Name"] for network in _get("/networks") or ())
    from .engine import Engine

    return Engine().networks()


def processors() -> int:
    """The number of processors of the engine's machine. Raises like `inspect`."""
    if _speaks_plainly():
        return int(_get("/info")["NCPU"])
    from .engine import Engine

    return Engine().processors()


def _speaks_plainly() -> bool:
    """Whether the engine is at a plain socket, without ssh or TLS."""
    kind = urlsplit(place()).scheme
    return kind == "unix" or (kind == "tcp" and not os.environ.get("DOCKER_TLS_VERIFY"))


def _get(path: str, *, lines: bool = False) -> Json:
    """The answer to a query as JSON; with `lines`, each line of it. None if the engine does not have it."""
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
    try:
        return [json.loads(line) for line in body.splitlines() if line] if lines else json.loads(body)
    except (ValueError, RecursionError) as error:
        raise unreachable("asking for a container") from error


class _Connection(HTTPConnection):
    """A connection to the engine's socket."""

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
