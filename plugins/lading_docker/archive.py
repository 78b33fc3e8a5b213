"""The build context as a tar. The same files give the same bytes, so the engine's cache recognizes them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

_MTIME = 946684800  # the first second of the year 2000: zip files cannot store earlier times


def write(files: Mapping[str, bytes | Path], file: BinaryIO) -> None:
    """Write files by their paths, readable for everyone and owned by root. The tar file is then at its beginning."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted({str(parent) for path in files for parent in Path(path).parents} - {"."}):
            archive.addfile(_member(name, 0, folder=True))
        for name, content in files.items():
            if isinstance(content, bytes):
                archive.addfile(_member(name, len(content)), io.BytesIO(content))
            else:
                with content.open("rb") as source:
                    archive.addfile(_member(name, content.stat().st_size), source)
    file.seek(0)


def _member(name: str, size: int, *, folder: bool = False) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = size, _MTIME
    member.type, member.mode = (tarfile.DIRTYPE, 0o755) if folder else (tarfile.REGTYPE, 0o644)
    return member
