"""The public port: find a free one, or the owner of a port in use."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lading import StageFailed
from lading_docker.address import place
from lading_serving.listeners import port_owner

if TYPE_CHECKING:
    from .containers import Container


def free_port(host: str) -> int:
    """A free port on this machine, which is usually the engine's machine."""
    with _bound(host if _is_here() else "127.0.0.1", 0) as sock:
        port: int = sock.getsockname()[1]
        return port


def refuse_used(host: str, port: int, serving: Container | None) -> None:
    """Raise StageFailed if a program on this machine uses the port, except the container to be replaced."""
    if port == 0 or not _is_here() or (serving is not None and serving.port == port):
        return
    try:
        _bound(host, port).close()
    except OSError as error:
        owner = port_owner(port)
        raise StageFailed(
            f"port {port} of {host} is in use" + (f" by {owner}" if owner else ""),
            hint="free it, or name another host or port under the target",
        ) from error


def is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _bound(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def _is_here() -> bool:
    return urlsplit(place()).scheme == "unix"
