"""The last known addresses of each deployment, as digests, so that a scoring URI leads to its releases."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .digests import digest_of

if TYPE_CHECKING:
    from ..model import NoScoringUri, ScoringUri
    from .reuse import Reuse

_ADDRESSES = "addresses"  # these rows are not the output of a stage
_LOOPBACK = {"localhost": "127.0.0.1", "::1": "127.0.0.1"}
_DEFAULT_PORTS = (None, 80, 443)
_PATH = "/score"


def normalized(uri: str) -> str:
    """The host, port and path of a URI. A query, a slash at the end and `/score` are left out.

    Raises ValueError for a text that is not a URI.
    """
    parts = urlsplit(uri if "://" in uri else f"//{uri}")
    if not parts.hostname or ("://" not in uri and parts.port is None):
        raise ValueError("it has no scheme and no port")
    port = "" if parts.port in _DEFAULT_PORTS else f":{parts.port}"
    path = parts.path.rstrip("/").removesuffix(_PATH).rstrip("/")
    return f"{_LOOPBACK.get(parts.hostname, parts.hostname)}{port}{path}"


def addresses(found: ScoringUri | NoScoringUri) -> list[str]:
    """Every address of a deployment, normalized. An address that is not a URI is left out."""
    every = (getattr(found, "uri", None), getattr(found, "internal", None), *getattr(found, "devices", {}).values())
    return sorted({place for uri in every if uri and (place := _place(uri))})


def _place(uri: str) -> str:
    try:
        return normalized(uri)
    except ValueError:
        return ""


class Addresses:
    """The addresses that each deployment had at its last deploy.

    They are stored as digests, because a part of an address can come from a variable of the manifest.
    """

    def __init__(self, reuse: Reuse) -> None:
        self._reuse = reuse

    def keep(self, service: str, target: str, found: ScoringUri | NoScoringUri) -> None:
        """Record the addresses of a deployment, if they have changed. A deployment without one keeps the last ones."""
        digests = [digest_of(place) for place in addresses(found)]
        key = _key(service, target)
        if digests and digests != self._reuse.get(key):
            self._reuse.put(key, _ADDRESSES, digests)

    def at(self, uri: str, deployments: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of the `deployments` that had this address. Each is a service and a target."""
        wanted = digest_of(normalized(uri))
        return [known for known in deployments if wanted in (self._reuse.get(_key(*known)) or ())]


def _key(service: str, target: str) -> str:
    return json.dumps(["address", service, target])
