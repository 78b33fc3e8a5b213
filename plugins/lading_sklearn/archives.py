"""The pickles in a zip archive, such as a file of PyTorch. Nothing is unpacked to the disk, and nothing is loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from .bytestream import Broken, Stream
from .machine import Findings
from .skops_file import UNREADABLE
from .walking import walk

PICKLES = frozenset({".dill", ".joblib", ".p", ".pickle", ".pkl", ".sav"})
"""The suffixes of pickles."""

_PIECE = 1 << 20
_LARGEST = 256 << 20  # bytes of a pickle in an archive


def follow_archive(file: Path, findings: Findings) -> bool:
    """Follow each pickle in an archive, by its name. Returns whether all of them could be followed to their ends."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [each for each in archive.infolist() if PurePosixPath(each.filename).suffix.lower() in PICKLES]
            broken = [each for each in members if not _follow(archive, each, findings)]
            return not broken
    except UNREADABLE:
        return False


def _follow(archive: zipfile.ZipFile, member: zipfile.ZipInfo, findings: Findings) -> bool:
    try:
        with archive.open(member) as stream:
            walk(Stream(_pieces(stream)), findings, arrays=False)
    except (Broken, *UNREADABLE):
        return False
    return True


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    passed = 0
    while passed <= _LARGEST and (piece := stream.read(_PIECE)):
        passed += len(piece)
        yield piece
