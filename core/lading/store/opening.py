"""The store of a manifest, opened to be used or to be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .place import find_store, place_store
from .reading import StoreToRead
from .store import Store


def open_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> Store:
    """The store of a manifest, or the one that `option` names; it is created if need be."""
    place, remark = place_store(manifest, environ, option)
    store = Store.open(place, environ)
    store.remark = remark
    return store


def read_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> StoreToRead:
    """The same, for a command that only reads."""
    return StoreToRead.read(find_store(manifest, environ, option), environ)
