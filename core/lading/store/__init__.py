"""The store `.lading/`: records in SQLite, files named by their digest, and the locks of running commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from .opening import has_store as has_store
    from .opening import open_store as open_store
    from .opening import read_store as read_store
    from .place import find_store as find_store
    from .project import MANIFEST as MANIFEST
    from .project import find_manifest as find_manifest
    from .project import find_project as find_project
    from .reading import StoreToRead as StoreToRead
    from .store import Store as Store

__getattr__, __dir__ = lazily(
    __name__,
    {
        "opening": "has_store open_store read_store",
        "place": "find_store",
        "project": "MANIFEST find_manifest find_project",
        "reading": "StoreToRead",
        "store": "Store",
    },
)
