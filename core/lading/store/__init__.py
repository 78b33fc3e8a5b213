"""The store `.lading/`: records in SQLite, files named by their digest, and the locks of running commands."""

from .journal import Intent
from .opening import has_store, open_store, read_store
from .place import find_store
from .project import MANIFEST, find_manifest, find_project
from .reading import StoreToRead
from .store import Store

__all__ = [
    "MANIFEST",
    "Intent",
    "Store",
    "StoreToRead",
    "find_manifest",
    "find_project",
    "find_store",
    "has_store",
    "open_store",
    "read_store",
]
