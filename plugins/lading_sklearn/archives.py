"""The pickles in a zip archive, such as a file of PyTorch or NumPy. Nothing is unpacked or loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from .bytestream import Broken, Rejected, Stream
from .machine import Findings
from .npy import MAGIC, walk_array
from .skops_file import UNREADABLE
from .walking import walk

PICKLES = frozenset({".dill", ".joblib", ".p", ".pickle", ".pkl", ".sav"})
"""The suffixes of pickles."""

_PIECE = 1 << 20
_LARGEST = 256 << 20  # bytes of a pickle in an archive


def follow_archive(file: Path, findings: Findings) -> bool:
    """Follow each pickle in an archive, by its name, and each array. Returns whether all could be followed."""
    try:
        with zipfile.ZipFile(file) as archive:
            broken = [each for each in archive.infolist() if not _follow(archive, each, findings)]
            return not broken
    except UNREADABLE:
        return False


def _follow(archive: zipfile.ZipFile, member: zipfile.ZipInfo, findings: Findings) -> bool:
    try:
        with archive.open(member) as stream:
            is_array = stream.read(len(MAGIC)) == MAGIC
        with archive.open(member) as stream:
            if is_array:
                with suppress(Rejected):
                    walk_array(Stream(_pieces(stream)), findings)
            elif PurePosixPath(member.filename).suffix.lower() in PICKLES:
                walk(Stream(_pieces(stream)), findings, arrays=False)
    except (Broken, *UNREADABLE):
        return False
    return True


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    passed = 0
    while passed <= _LARGEST and (piece := stream.read(_PIECE)):
        passed += len(piece)
        yield piece
