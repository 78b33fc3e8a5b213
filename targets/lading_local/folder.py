"""The folder of one service, looked at before it is used: what somebody else put there is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lading import Refused
from lading_serving.control import ControlFolder
from lading_serving.owned import Foreign

if TYPE_CHECKING:
    from lading import Context


@contextmanager
def opened(context: Context) -> Iterator[ControlFolder]:
    """The service's folder. Raises Refused, with the path named, for anything in it that `lading` did not put there."""
    folder = ControlFolder(context.work.resolve())
    try:
        folder.check()
        folder.desired()  # this and the next raise Foreign for content that nobody here wrote
        folder.state()
        yield folder
    except Foreign as error:
        raise Refused(
            str(error), hint=f"look at it, then remove it (rm -r {error.path}) and run the same command again"
        ) from error


def checked_uri(folder: ControlFolder, uri: str) -> str:
    """An address from `state.json`. Raises Foreign if it is not one of this machine: no client is sent elsewhere."""
    if not uri.startswith(("http://127.", "http://[::1]:")) and not _is_here(uri):
        raise Foreign(folder.path / "state.json", f"names {uri}, which is not on this machine")
    return uri


def _is_here(uri: str) -> bool:
    import socket  # most services listen on the loopback address
    from urllib.parse import urlsplit

    address = urlsplit(uri).hostname or ""
    with suppress(OSError), socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.bind((address, 0))
        return True
    return False
