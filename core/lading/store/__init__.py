"""The store `.lading/`: records in SQLite, bytes in files named by their digest, and the locks of running commands."""

from .journal import Intent
from .project import find_project
from .store import Store, find_store

__all__ = ["Intent", "Store", "find_project", "find_store"]
