"""File names for names that users chose."""

from __future__ import annotations

import re


def service_lock(service: str, target: str) -> str:
    """The name of the lock for changes to a deployment."""
    return f"{target}/{service}"


def rollout_lock(service: str, target: str) -> str:
    """The name of the lock that a rollout holds from its first step to its last."""
    return f"{target}/{service}/rollout"


def train_lock(name: str) -> str:
    """The name of the lock for training the manifest of this name."""
    return f"train/{name}"


def backup_name(name: str, format: int) -> str:  # noqa: A002
    """The name for a backup of a store file, made before a migration from `format`."""
    return f"format-{format}-{name}"


def is_backup_name(name: str) -> bool:
    """Whether a name has the form of `backup_name`."""
    return re.fullmatch(r"format-[1-9][0-9]*-store\.(db|ledger)", name) is not None


def safe_name(name: str) -> str:
    """A file name for any text, at most 37 characters long. Two different texts never share one, on any file system.

    A short lower-case name is kept. Any other name becomes its readable part, a `~` and its digest.
    """
    readable = re.sub(r"[^a-z0-9._-]+", "-", name.lower())[:24].strip(".-")
    if readable == name and name:
        return name
    import hashlib

    return f"{readable}~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
