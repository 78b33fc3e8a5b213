"""The sockets that a supervisor opens for its workers, and the owner of a port."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_BACKLOG = 1024
_LISTENING = "0A"  # the state column of /proc/net/tcp


class PortInUse(Exception):
    """Another program listens on the port. The message has the port, and the program if that can be read."""


class Listeners:
    """Public sockets by address. For port 0, a free port is chosen once and `kept`."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self._sockets: dict[tuple[str, int], socket.socket] = {}

    def public(self, host: str, port: int, *, may_move: bool) -> socket.socket:
        """The socket for an address. Releases with the same address share it.

        If another program uses the kept port and the release `may_move`, another free port is chosen. Raises PortInUse,
        and OSError for a host that is not an address of this machine.
        """
        known = self._sockets.get((host, port or self.kept))
        if known:
            return known
        try:
            sock = listen(host, port or self.kept)
        except PortInUse:
            if port or not may_move:
                raise
            sock = listen(host, 0)
        number = sock.getsockname()[1]
        if port == 0:
            self.kept = number
        self._sockets[host, number] = sock
        return sock

    def keep_only(self, used: Collection[socket.socket]) -> None:
        """Close the sockets that no release uses."""
        for address, sock in list(self._sockets.items()):
            if sock not in used:
                sock.close()
                del self._sockets[address]


def listen(host: str, port: int) -> socket.socket:
    """Open a listening, non-blocking socket. Raises PortInUse and OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            owner = port_owner(port)
            raise PortInUse(f"port {port} of {host} is in use" + (f" by {owner}" if owner else "")) from None
        raise
    return sock


def scoring_uri(sock: socket.socket, scheme: str = "http") -> str:
    """The address of a listening socket for clients on this machine."""
    host, port = sock.getsockname()[:2]
    if (address := ipaddress.ip_address(host)).is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"{scheme}://{address}:{port}/score" if address.version == 4 else f"{scheme}://[{address}]:{port}/score"


def port_owner(port: int) -> str:
    """The process that listens on a TCP port, as `name (pid N)`. Empty if it cannot be read, as on macOS."""
    if not sys.platform.startswith("linux"):
        return ""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process of another user, or already ended
            if any(_link(file) in wanted for file in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


def _link(file: Path) -> str:
    """The thing that a descriptor stands for. Empty if it is closed already: the others of its process still count."""
    with suppress(OSError):
        return str(file.readlink())
    return ""


def _listening_inodes(port: int) -> set[str]:
    tables = [
        path.read_text().splitlines()[1:] for name in ("tcp", "tcp6") if (path := Path("/proc/net", name)).exists()
    ]
    rows = [line.split() for table in tables for line in table]
    return {row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port}
