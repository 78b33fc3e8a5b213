"""A request as bytes for another worker on this machine."""

from __future__ import annotations

from urllib.parse import quote

from .choice import COPIED
from .messages import Request

HOST = "127.0.0.1"
OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that belong to one connection. The server of the connection sets those that it needs."""

_DROPPED = OF_THE_CONNECTION - {"date"} | {COPIED, "expect", "host"}


def encoded(request: Request, **more: str) -> bytes:
    """A request for another worker, without the headers that concern the connection of its client, and with `more`."""
    fields = [f"{name}: {value}\r\n" for name, value in request.headers.items() if name not in _DROPPED]
    fields += [f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items()]
    target = quote(request.path, safe="/") + (f"?{request.query}" if request.query else "")
    head = f"{request.method} {target} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: {len(request.body)}\r\n"
    return "".join((head, *fields, "\r\n")).encode("latin-1") + request.body
