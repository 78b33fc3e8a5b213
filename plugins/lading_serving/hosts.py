"""The host of a request, and the hosts of a service: the protection against DNS rebinding."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from .messages import Refused

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::([0-9]{0,5}))?", re.ASCII)
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)
_SHOWN = 100  # limit of characters of an unknown name in a message


class Hosts:
    """The hosts of a service on `address`: the address, `localhost`, the `host` of its socket, and `names`.

    On a loopback address, all other hosts are refused. Otherwise a web page could point its own name here and read the
    responses. On other addresses all hosts are accepted; if `names` are given, only these and addresses are accepted.
    """

    def __init__(self, address: str, host: str = "", names: Collection[str] = ()) -> None:
        ours = _address(address)
        self._only_ours = ours is not None and ours.is_loopback
        self._known = frozenset({str(ours), "localhost", host.lower(), *map(str.lower, names)} - {""})
        self._checks = self._only_ours or bool(names)

    def check(self, host: str) -> None:
        """Check a host. Raises Refused: 400 for a malformed host, 421 for a host of another service."""
        name, _port = split(host)
        if not self._checks or name in self._known:
            return
        address = _address(name.strip("[]"))
        if address is not None and (str(address) in self._known or not self._only_ours):
            return
        raise Refused(421, f"this service does not answer for the host '{name[:_SHOWN]}': see `hosts` of its target")


def split(host: str) -> tuple[str, str]:
    """Split a host into its lower-case name and its port. Either may be empty. Raises Refused if it is malformed."""
    found = _HOST.fullmatch(host.strip(" \t"))
    name, port = (found[1].lower(), found[2] or "") if found else ("", "")
    if not found or int(port or 0) > 65535 or (name.startswith("[") and _address(name[1:-1]) is None):
        raise Refused(400, f"'{host[:_SHOWN]}' is not a host with an optional port")
    return name, port


def of_target(target: bytes) -> tuple[str, bytes]:
    """Split an absolute target into its host and the rest, which starts with a slash. Raises Refused."""
    found = _ABSOLUTE.fullmatch(target)
    if not found:
        raise Refused(400, "the request's target is not a path or an absolute http address")
    rest = found[2]
    return found[1].decode("latin-1"), rest if rest.startswith(b"/") else b"/" + rest


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
