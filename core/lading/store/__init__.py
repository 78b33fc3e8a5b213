"""The store `.lading/`: records in SQLite, bytes in files named by their digest, and the locks of running commands."""

from .journal import Intent
from .store import Store, find_store

__all__ = ["Intent", "Store", "find_store"]
