"""The health check of an image: `python -m lading_serving.alive PORT` ends with 0 if the server on it is healthy."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from .tls import scheme_of

_LIMIT = 4.0  # seconds


def is_alive(port: int) -> bool:
    """Whether the server on a port of this machine reports that it is healthy. Raises OSError, and HTTPException."""
    with closing(_connection(f"127.0.0.1:{port}")) as connection:
        connection.request("GET", "/")
        return connection.getresponse().status == 200


def _connection(address: str) -> HTTPConnection:
    """A connection with the scheme of the environment. It accepts any certificate: the server may still present an
    earlier one, while its files are being replaced.
    """
    if scheme_of(os.environ) == "http":
        return HTTPConnection(address, timeout=_LIMIT)
    from .pinning import unverified

    return HTTPSConnection(address, timeout=_LIMIT, context=unverified())


def main() -> None:
    try:
        alive = is_alive(int(sys.argv[1]))
    except (OSError, HTTPException, ValueError) as error:
        sys.exit(f"no answer: {error}")
    sys.exit(0 if alive else "the server is not healthy")


if __name__ == "__main__":
    main()
