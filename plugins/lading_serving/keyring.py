"""The keys of a service, as its target keeps them: two random texts in a private file.

The store records a digest of each key, so that a planted file gives nobody access. The server gets only digests.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol

from .json_files import read_json, write_json
from .owned import Foreign

FILE = "keys.json"
_FACT = "keys"
_BYTES = 32  # of randomness in a key

Which = Literal["primary", "secondary"]


class Facts(Protocol):
    """The facts of a deployment in the store."""

    def record(self, name: str, text: str) -> None: ...

    def recorded(self, name: str) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class ServiceKeys:
    """The keys of one service."""

    primary: str
    secondary: str

    @classmethod
    def new(cls) -> ServiceKeys:
        return cls(primary=_key(), secondary=_key())

    def rotated(self, which: Which) -> ServiceKeys:
        """The keys with a new one in place of one of them."""
        return replace(self, primary=_key()) if which == "primary" else replace(self, secondary=_key())


class Keyring:
    """The keys in a folder that only this user can read."""

    def __init__(self, folder: Path, facts: Facts) -> None:
        self._file = folder / FILE
        self._facts = facts

    def kept(self) -> ServiceKeys | None:
        """The keys; None if there are none. Raises Foreign if the store does not know them."""
        content = read_json(self._file, _are_keys)
        if content is None:
            return None
        keys = ServiceKeys(**content)
        if not {*_digests(keys)} <= {*(self._facts.recorded(_FACT) or "").split()}:
            raise Foreign(self._file, "has keys that are not in the store's history")
        return keys

    def ensure(self) -> ServiceKeys:
        """The keys. They are made if there are none."""
        known = self.kept()
        if known is not None:
            return known
        made = ServiceKeys.new()
        self._record(made)
        self._write(made)
        return made

    def rotate(self, which: Which, publish: Callable[[bytes], None]) -> ServiceKeys:
        """Replace one key, or make both if there are none. `publish` gives the server the digests of valid keys.

        The key in the file is valid at each moment, so that a command which is killed locks nobody out. The old key is
        valid until the new one is in the file.
        """
        known = self.kept() or ServiceKeys.new()
        made = known.rotated(which)
        self._record(known, made)
        publish(published(known, made))
        self._write(made)
        publish(published(made))
        self._record(made)
        return made

    def remove(self) -> None:
        self._file.unlink(missing_ok=True)

    def _record(self, *keys: ServiceKeys) -> None:
        self._facts.record(_FACT, " ".join(dict.fromkeys(digest for each in keys for digest in _digests(each))))

    def _write(self, keys: ServiceKeys) -> None:
        write_json(self._file, asdict(keys))


def published(*keys: ServiceKeys) -> bytes:
    """The content of a server's file with digests."""
    digests = dict.fromkeys(digest for each in keys for digest in _digests(each))
    return "".join(f"{digest}\n" for digest in digests).encode()


def _key() -> str:
    return secrets.token_urlsafe(_BYTES)


def _digests(keys: ServiceKeys) -> tuple[str, str]:
    primary, secondary = (sha256(key.encode()).hexdigest() for key in (keys.primary, keys.secondary))
    return primary, secondary


def _are_keys(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.keys() == {"primary", "secondary"}
        and all(isinstance(key, str) and key.isascii() and key.isprintable() for key in content.values())
    )
