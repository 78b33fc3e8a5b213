"""The digest of a model, which is compared with the registered one before the scoring script sees the model.

The core digests a folder in the same way; this server imports nothing of it, and a test compares the two.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_KIND = b"lading.folder.1\0"
_CACHE = "__pycache__"  # a worker before this one may have written it


def digest_of_model(path: Path) -> str:
    """The sha256 of a file, or the SHA3-256 of the list of a folder's files. Raises ValueError for a link in it."""
    if not path.is_dir():
        return _sha256(path).hex()
    whole = hashlib.sha3_256(_KIND)
    for name, file in sorted((file.relative_to(path).as_posix().encode(), file) for file in _files(path)):
        whole.update(len(name).to_bytes(8, "big") + name + _sha256(file))
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *names)):
            if path.is_symlink():
                raise ValueError(f"{path} is a symbolic link, which a model cannot hold")
        folders[:] = [name for name in folders if name != _CACHE]
        yield from (Path(parent, name) for name in names)


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
