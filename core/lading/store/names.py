"""Names that people chose, made into names of files."""

from __future__ import annotations

import re


def service_lock(service: str, target: str) -> str:
    """The name of the lock that a command holds which changes a deployment."""
    return f"{target}/{service}"


def train_lock(name: str) -> str:
    """The name of the lock that a command holds which trains the manifest of that name."""
    return f"train/{name}"


def safe_name(name: str) -> str:
    """A file name for any text: at most 37 characters, and two names never share one, on any file system.

    A short lower-case name is kept; any other is shortened to its readable part and, after a `~`, its digest.
    """
    readable = re.sub(r"[^a-z0-9._-]+", "-", name.lower())[:24].strip(".-")
    if readable == name and name:
        return name
    import hashlib

    return f"{readable}~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
