"""Check whether a container answers, and how long it has been running."""

from __future__ import annotations

from datetime import UTC, datetime
from http.client import HTTPException

from lading_serving.pinned import connection_to

from .containers import Container, instant

_TIMEOUT = 5.0


def answers(container: Container) -> bool:
    """Whether the scoring server in a container reports that it is healthy."""
    if container.state != "running" or container.uri is None:
        return False
    connection = connection_to(container.uri, container.certificate, _TIMEOUT)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def seconds_since(started: str) -> float:
    """The seconds since a time of the engine. If the time cannot be read, 0: then nothing is stopped because of it."""
    then = instant(started)
    return 0.0 if then is None else (datetime.now(UTC) - then).total_seconds()
