"""Upload a file to a signed address, and read the digest of one that is there.

A blob appears only when all of its bytes have arrived, so an interrupted upload leaves none.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from .rest import Arm

_BLOCK = 64 << 20  # bytes of one request
_BLOB = {"x-ms-blob-type": "BlockBlob"}


def upload(arm: Arm, what: str, url: str, file: Path) -> None:
    """Write a file, in one request or in blocks. Blob storage checks the MD5 of each request."""
    if file.stat().st_size <= _BLOCK:
        _write(arm, what, url, file.read_bytes(), _BLOB)
        return
    names = []
    for number, content in enumerate(_pieces(file)):
        names.append(b64encode(f"{number:08d}".encode()).decode())
        _write(arm, what, f"{url}&comp=block&blockid={names[-1]}", content, {})
    listed = "".join(f"<Latest>{name}</Latest>" for name in names)
    _write(arm, what, f"{url}&comp=blocklist", f"<BlockList>{listed}</BlockList>".encode(), {})


def sha256_at(arm: Arm, what: str, url: str) -> str | None:
    """The digest of the blob at a signed address; None if it has none."""
    digest = hashlib.sha256()
    try:
        for piece in arm.read_blob(what, url):
            digest.update(piece)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while content := stream.read(_BLOCK):
            yield content


def _write(arm: Arm, what: str, url: str, content: bytes, headers: dict[str, str]) -> None:
    checksum = b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    arm.write_blob(what, url, content, {**headers, "Content-MD5": checksum})
