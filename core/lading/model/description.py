"""What a plugin says of itself, and secrets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .options import Options

API_VERSION = 1
"""Version of the contract between host and plugins."""


class Capability(StrEnum):
    """What a target can do beyond `lading_deploy` and `lading_scoring_uri`; the first four name their hooks."""

    STATUS = "status"
    LOGS = "logs"
    KEYS = "keys"
    DELETE = "delete"
    ROTATE_KEYS = "rotate_keys"
    SCORING_URI = "scoring_uri"
    KEEPS_OLD_RELEASE = "keeps_old_release"


class ImageNeed(StrEnum):
    """What a target needs of an image: that it is built on the engine that the maker uses, or that it is pushed."""

    BUILT = "built"
    PUSHED = "pushed"


@dataclass(frozen=True)
class Description:
    """What a plugin says of itself.

    `cache_version` changes when the same inputs would give another output, and `libraries` are the distributions whose
    version shapes it; `connection` is the name of the connection plugin of its family; `api` is the contract that it
    was written against. `image` is what a target needs of the package's image; None where it needs none.
    """

    summary: str
    options: type[Options] = Options
    capabilities: frozenset[Capability] = frozenset()
    connection: str | None = None
    cache_version: str = "1"
    libraries: tuple[str, ...] = ()
    api: int = API_VERSION
    image: ImageNeed | None = None


class Secret:
    """A secret value: it shows itself as `***`, and only `reveal()` gives it away. It cannot be pickled."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is never serialised")
