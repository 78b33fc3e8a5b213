"""A strict tar format: only regular files and folders with plain relative names. The same files give the same bytes."""

from __future__ import annotations

import gzip
import os
import tarfile
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...errors import BadInput, Refused
from ...store.durable import naming
from ...store.tree import is_plain

_BLOCK = 512
_CHUNK = 1 << 20
_MOST_MEMBERS = 10_000
_LARGEST = 0o77777777777  # bytes of a member: the limit of a header without extensions
_RATIO = 100  # limit of bytes per compressed byte, beyond the allowance
_ALLOWANCE = 64 << 20
_GZIP = b"\x1f\x8b"


def write(stream: BinaryIO, members: Iterable[tuple[str, Path]], *, compressed: bool) -> None:
    """Write files in the given order. Of the mode of a file, only the executable bit is kept.

    Raises BadInput for a name that `extract` would refuse.
    """
    names = _Names()
    with _packing(stream, compressed) as out:
        for name, path in members:
            try:
                names.add(name, folder=False)
                out.write(_header(name, path))
            except (Refused, ValueError) as error:
                raise BadInput(
                    f"{name!r} cannot be stored in an archive: {error}", hint="give the file a shorter, plain name"
                ) from error
            with path.open("rb") as source:
                for chunk in iter(lambda: source.read(_CHUNK), b""):
                    out.write(chunk)
            out.write(bytes(-path.stat().st_size % _BLOCK))
        out.write(bytes(2 * _BLOCK))


def _header(name: str, path: Path) -> bytes:
    status = path.stat()
    info = tarfile.TarInfo(name)
    info.size = status.st_size
    info.mode = 0o755 if status.st_mode & 0o100 else 0o644
    return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")


@contextmanager
def _packing(stream: BinaryIO, compressed: bool) -> Iterator[BinaryIO | gzip.GzipFile]:
    if not compressed:
        yield stream
        return
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as out:
        yield out


def extract(stream: BinaryIO, folder: Path) -> None:
    """Extract an archive, compressed or not, into an empty folder.

    Only regular files and folders with plain relative names are allowed, and each name only once. Raises Refused for
    any other member, with its name, and for an archive that is damaged or too large for a package.
    """
    try:
        with naming(folder):
            _extract(_unpacked(stream), folder)
    except (tarfile.HeaderError, UnicodeDecodeError, EOFError) as error:
        raise Refused(f"the archive is damaged: {error}", hint="copy it again, and compare its sha256") from error


def _extract(source: _Source, folder: Path) -> None:
    names = _Names()
    while any(block := source.read(_BLOCK)):
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
            raise Refused(f"{info.name!r} in the archive is neither a regular file nor a folder")
        names.add(info.name, folder=info.isdir())
        if not 0 <= info.size <= _LARGEST or (info.isdir() and info.size):
            raise Refused(f"{info.name!r} in the archive has an impossible size: {info.size} bytes")
        place = folder / info.name
        if info.isdir():
            place.mkdir(0o700, parents=True, exist_ok=True)
        else:
            place.parent.mkdir(0o700, parents=True, exist_ok=True)
            _write_file(source, place, info)


def _write_file(source: _Source, place: Path, info: tarfile.TarInfo) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(place, flags, 0o700 if info.mode & 0o100 else 0o600), "wb") as out:
        left = info.size
        while left:
            chunk = source.read(min(left, _CHUNK))
            out.write(chunk)
            left -= len(chunk)
    source.read(-info.size % _BLOCK)


def _unpacked(stream: BinaryIO) -> _Source:
    size = os.fstat(stream.fileno()).st_size
    start = stream.read(len(_GZIP))
    stream.seek(0)
    if start != _GZIP:
        return _Source(stream, size)
    return _Source(gzip.GzipFile(fileobj=stream), size * _RATIO + _ALLOWANCE)


class _Source:
    """The bytes of an archive, up to a limit."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, most: int) -> None:
        self._stream = stream
        self._left = most

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes. Raises EOFError if there are fewer, and Refused beyond the limit (a zip bomb)."""
        try:
            found = self._stream.read(size)
        except (gzip.BadGzipFile, zlib.error) as error:
            raise EOFError(str(error)) from error
        self._left -= len(found)
        if self._left < 0:
            raise Refused(f"the archive unpacks to more than {_RATIO} times its size, which a package never does")
        if len(found) < size:
            raise EOFError("it is cut off")
        return found


class _Names:
    """The names in an archive: relative, plain, limited in number, and distinct on every file system."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, name: str, *, folder: bool) -> None:
        """Add the name of a member. Raises Refused, with the name, if the name is not allowed."""
        parts = name.removesuffix("/").split("/") if folder else name.split("/")
        if not all(map(is_plain, parts)):
            raise Refused(f"{name!r} in the archive is not a plain relative name")
        same = unicodedata.normalize("NFC", name.removesuffix("/")).casefold()
        above = {same[:place] for place, letter in enumerate(same) if letter == "/"}
        if same in self._files | self._folders or above & self._files or (not folder and same in self._folders):
            raise Refused(f"{name!r} is in the archive twice")
        self._folders |= above
        (self._folders if folder else self._files).add(same)
        if len(self._files) + len(self._folders) > _MOST_MEMBERS:
            raise Refused(f"the archive has more than {_MOST_MEMBERS} members")
