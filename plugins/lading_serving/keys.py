"""The keys that a protected service asks for. The server knows only their SHA-256 digests, which are in a file.

A line of the file begins with the digest of a key in hexadecimal digits, as `sha256sum` writes it. The file is read
again when it changes, so a key can be rotated while the service runs.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from .messages import Request

VARIABLE = "LADING_KEYS"
"""The variable with the path of the file. Without it, a service answers every client."""

OPEN_METRICS = "LADING_OPEN_METRICS"
"""The variable that lets every client read `/metrics` of a protected service."""

HEADERS = ("authorization", "x-lading-key")
_HEALTH = frozenset({"/v2/health/live", "/v2/health/ready"})
_DIGEST = re.compile(r"([0-9a-f]{64})\b", re.IGNORECASE)

Stamp = tuple[int, int, int, int]


class Guard:
    """Knows the keys of a service. `open_paths` are the paths that need none."""

    def __init__(self, file: Path, open_paths: frozenset[str] = _HEALTH) -> None:
        self.open_paths = open_paths
        self._file = str(file)
        self._stamp: Stamp | None = None
        self._digests: tuple[bytes, ...] = ()
        self._refresh()
        if not self._digests:
            raise ValueError(f"{file} has no digest of a key, so no request could be answered")

    def holds_key(self, headers: Mapping[str, str]) -> bool:
        """Whether a request has a valid key. The time depends on neither the keys nor the reason of a refusal."""
        self._refresh()
        offered = (_bearer(headers.get("authorization", "")), headers.get("x-lading-key", ""))
        digests = [sha256(key.encode("utf-8", "replace")).digest() for key in offered]
        return any([hmac.compare_digest(one, known) for one in digests for known in self._digests])  # noqa: C419

    def _refresh(self) -> None:
        """Read the file if it has changed. While it is being replaced, the known keys stay valid."""
        try:
            found = os.stat(self._file)  # noqa: PTH116  # faster, and each request needs it
            stamp = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
            if stamp == self._stamp:
                return
            digests = parsed(Path(self._file).read_text(encoding="ascii", errors="replace"))
        except OSError:
            return
        if digests:
            self._digests, self._stamp = digests, stamp


def guard_of(env: Mapping[str, str]) -> Guard | None:
    """The guard that an environment describes. None if the service is open.

    Raises ValueError if the file has no digest: a service that should be protected must not start without keys.
    """
    file = env.get(VARIABLE)
    if not file:
        return None
    return Guard(Path(file), _HEALTH | {"/metrics"} if env.get(OPEN_METRICS) else _HEALTH)


def parsed(text: str) -> tuple[bytes, ...]:
    """The digests in the text of a file."""
    return tuple(bytes.fromhex(found[1]) for line in text.splitlines() if (found := _DIGEST.match(line)))


def without_keys(request: Request) -> Request:
    """The request for the scoring script, which could otherwise log a key."""
    return request._replace(headers={name: text for name, text in request.headers.items() if name not in HEADERS})


def _bearer(value: str) -> str:
    scheme, _, key = value.partition(" ")
    return key.strip(" \t") if scheme.lower() == "bearer" else ""
