"""Open the store of a manifest, for use or only for reading."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .guard import DATABASE, LEDGER
from .place import find_store, place_store
from .store import Store

if TYPE_CHECKING:
    from .reading import StoreToRead


def open_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> Store:
    """Open the store of a manifest, or the store that `option` names. It is created if necessary."""
    place, remark = place_store(manifest, environ, option)
    store = Store.open(place, environ)
    store.remark = remark
    return store


def has_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> bool:
    """Whether a manifest has a store, even a damaged one. Commands that only remove do not create one."""
    place = find_store(manifest, environ, option)
    return any(os.path.lexists(place / name) for name in (DATABASE, LEDGER))


def read_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> StoreToRead:
    """Like `open_store`, for a command that only reads."""
    from .reading import StoreToRead

    return StoreToRead.read(find_store(manifest, environ, option), environ)
