"""Whether a container answers, and for how long it has had the time to."""

from __future__ import annotations

from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException

from .containers import Container

_TIMEOUT = 5.0


def answers(container: Container) -> bool:
    """Whether the scoring server in a container says that it is healthy."""
    if container.state != "running" or not container.port:
        return False
    connection = HTTPConnection(container.host, container.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def seconds_since(started: str) -> float:
    """The seconds since a time of the engine's (RFC 3339, UTC)."""
    return (datetime.now(UTC) - datetime.fromisoformat(f"{started[:19]}+00:00")).total_seconds()
